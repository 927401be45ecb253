"""Everything that goes wrong here, and how often.

After each fault: no file is taken for whole that is not, the message names the file or the cell,
and running again ends in the very files of an undisturbed run.
"""

from cells import change_the_clock, end_badly, hang, lose_the_gpu, run_out_of_memory
from damaged_files import (
    copy_from_elsewhere,
    copy_over,
    corrupt,
    corrupt_at_rest,
    damage_a_note,
)
from disks import fill_the_disk, make_it_read_only, may_mount
from divided import (
    copy_a_shard,
    damage_a_shard,
    delete_a_shard,
    end_a_shard_badly,
    kill_a_shard,
)
from expectations import Fault
from killed import kill_a_cell_s_child, kill_a_job, kill_snakemake, two_at_once
from moved import (
    copy_without_records,
    delete_an_output,
    move_the_results,
    move_the_study,
    touch_files,
)

__all__ = ["FAULTS", "NEED_MOUNTS", "Fault", "may_mount"]

FAULTS = (
    Fault("a byte of a stored file changes", corrupt, 110),
    Fault("a byte changes in a study at rest", corrupt_at_rest, 4),
    Fault("a note of a try is cut short", damage_a_note, 4),
    Fault("files of another lie in the place of one's own", copy_over, 20),
    Fault("files of another study lie in the place of one's own", copy_from_elsewhere, 20),
    Fault("a job is killed (SIGKILL)", kill_a_job, 60),
    Fault("a cell's child is killed", kill_a_cell_s_child, 20),
    Fault("a cell hangs", hang, 4),
    Fault("CUDA runs out of memory", end_badly("cuda memory", "out_of_memory", "CUDA out"), 4),
    Fault("the host runs out of memory", run_out_of_memory, 4),
    Fault("logits are NaN", end_badly("nan", "error", "not finite"), 2),
    Fault("an unforeseen exception", end_badly("raise", "error", "UnforeseenError"), 4),
    Fault("the clock jumps", change_the_clock, 2),
    Fault("a GPU goes before its cell", lose_the_gpu, 4),
    Fault("the disk is full", fill_the_disk, 12),
    Fault("the results are read-only", make_it_read_only, 6),
    Fault("Snakemake is killed (SIGKILL)", kill_snakemake, 6),
    Fault("two Snakemakes at once", two_at_once, 2),
    Fault("an output of a study at rest is deleted", delete_an_output, 10),
    Fault("a study at rest is copied without Snakemake's records", copy_without_records, 2),
    Fault("files of a study at rest are touched", touch_files, 4),
    Fault("a study at rest moves", move_the_study, 2),
    Fault("another clone takes the results at rest", move_the_results, 2),
    Fault("a shard of a cell is killed (SIGKILL)", kill_a_shard, 4),
    Fault("a shard of a cell ends badly", end_a_shard_badly, 4),
    Fault("a byte of a shard changes", damage_a_shard, 10),
    Fault("another shard lies in a shard's place", copy_a_shard, 6),
    Fault("a shard of a cell is deleted", delete_a_shard, 2),
)
NEED_MOUNTS = ("the disk is full", "the results are read-only")
