# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin that is not ours, built as doc/plugins.md says: against the installed header,
outside of the tree."""

import glob
import os
import shutil
import subprocess

from .postseal import TREE


def source_of(name):
    return os.path.join(TREE, "tests", "plugins", name + ".c")


def build(programs, name, folder):
    """The path of the object."""
    path = os.path.join(str(folder), name + ".so")
    subprocess.run(
        [
            "cc", "-shared", "-fPIC", "-O0", "-fvisibility=hidden",
            f"-I{programs.prefix}/include/postseal", "-o", path, source_of(name),
        ],
        check=True,
    )  # fmt: skip
    return path


def make_folder(room, plugin):
    """A plugin_directory that has it beside those that are installed."""
    folder = os.path.join(room.folder, "plugins")
    os.mkdir(folder, 0o755)
    for path in [plugin, *glob.glob(os.path.join(room.programs.plugins, "*.so"))]:
        shutil.copy(path, folder)
        os.chmod(os.path.join(folder, os.path.basename(path)), 0o755)
    return folder
