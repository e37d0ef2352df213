"""What no worker of a run may read, whatever its method's distribution claims to need."""

from __future__ import annotations

from w2s_harness.contract.plan.plan import Plan
from w2s_harness.installed.distributions import worker_files
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.kept.store import Store
from w2s_harness.students.checkpoints import hub
from w2s_harness.students.checkpoints.places import is_hub_id, locate


def closed_paths(plugins: Plugins, store: Store) -> list[str]:
    """The store, our own packages, and those of all installed trusted plugins."""
    own = worker_files.own_packages()
    return [str(store.root.absolute()), *own, *worker_files.closed_entries(plugins.trusted.values())]


def plan_paths(plan: Plan) -> list[str]:
    """The plan's data files and the folders of its models' weights, as far as they are on this machine."""
    models = [model for pair in plan.pairs for model in (pair.weak, pair.strong, *pair.students)]
    places = [place for place in map(locate, models) if place is not None]
    places += [hub.folder(model.source) for model in models if is_hub_id(model.source)]
    tasks = [planned.task for planned in plan.tasks]
    files = [file for task in tasks for file in getattr(task, "files", {}).values()]
    folders = [task.data for task in tasks if not hasattr(task, "files")]
    return [str(path.absolute()) for path in (*places, *files, *folders) if path.exists()]
