"""A study that was imported without its images or weights: scored and shown here, not measured."""

from vlmeter.errors import UserError
from vlmeter.storage.archive import read_left_out
from vlmeter.storage.layout import StudyFolder
from vlmeter.study.study import Study


def is_imported(folder: StudyFolder) -> bool:
    """Say whether what measuring takes was left out of the archive that a study came from.

    Raises:
        UserError: the manifest of that archive is damaged.
    """
    return bool(read_left_out(folder))


def check_measured(study: Study) -> None:
    """Check that an imported study has a measurement of each of its cells.

    Raises:
        UserError: it lacks some, which cannot be measured here.
    """
    folder = study.folder
    wanted = [folder.cell(cell.key).measurement for cell in study.cells]
    wanted += [folder.layer_record(cell.key) for cell in study.layer_cells]
    if study.control_cell:
        wanted.append(folder.control.measurement)
    missing = [path for path in wanted if not path.exists()]
    if missing:
        raise UserError(
            f"{folder.root} was imported without images or weights, and {len(missing)} of its "
            f"measurements are not there, the first {missing[0]}: take what is new out of the "
            f"config, or delete {folder.archive} to measure everything anew from its sources."
        )
