"""A study that was imported without its images or weights: scored and shown here, not measured."""

from vlmeter.errors import UserError
from vlmeter.storage.archive import read_left_out
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.places import is_measured, say_remedy
from vlmeter.study.counts import format_count
from vlmeter.study.outputs import list_outputs
from vlmeter.study.study import Study


def is_imported(folder: StudyFolder) -> bool:
    """Say whether what measuring takes was left out of the archive that a study came from.

    Raises:
        UserError: the manifest of that archive is damaged.
    """
    return bool(read_left_out(folder))


def check_measured(study: Study) -> None:
    """Check that an imported study has all that comes from measuring, as far as it was exported.

    A rule would make what is missing: nothing, or of this machine and of data as they are now.

    Raises:
        UserError: it lacks something, which cannot be measured here.
    """
    folder = study.folder
    left_out = {folder.root / name for names in read_left_out(folder).values() for name in names}
    measured = [path for path in list_outputs(study) if is_measured(path.relative_to(folder.root))]
    missing = [path for path in measured if path not in left_out and not path.exists()]
    if missing:
        raise UserError(
            f"{folder.root} was imported without images or weights, and "
            f"{format_count(len(missing), 'file')} that only measuring makes "
            f"{'is' if len(missing) == 1 else 'are'} not there, the first {missing[0]}: take what "
            f"is new out of the config; or, where they went missing, {say_remedy(missing[0])}; or "
            f"delete {folder.archive} to measure everything anew from its sources."
        )
