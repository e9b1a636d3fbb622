"""What runs first in a built plugin. `build` copies this file into it as ``__main__.py``.

It finds the unpacked packages, or unpacks them once, and runs the plugin in this same process. It
is on the way of every start, so it imports only what Python has loaded anyway, and the rest when
there is something to unpack.

The cache. Packages live in ``<place>/<name>-<hash of the content>-<boot>``, where no two builds
meet. A directory is filled under another name and then renamed, so it is there whole or not at all.
The boot is part of the name because a power cut can leave a renamed directory with empty files.
Every process holds a shared lock on its directory for as long as it lives, and who unpacks removes
the directories of this plugin that nobody holds and that are of an earlier boot or were last
started from a day ago.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType
    from typing import NoReturn, TypedDict

    class Build(TypedDict):
        """What `build` writes down about the file it makes."""

        name: str
        id: str
        python: str
        python_name: str
        entry: str
        payload_at: int
        payload_size: int
        native: bool
        pth: bool


APP, PACKAGES = "app", "packages"
CACHE_VARIABLE = "TEMPS_PLUGIN_CACHE"
_UNUSED_SECONDS = 24 * 60 * 60
# The lock on the directory in use; closed, and with that given back, when the process ends.
_in_use = -1


def main(build: Build) -> None:
    """Run the plugin this file was built from."""
    archive = sys.path.pop(0)
    if python_tag() != build["python"]:
        _fail(f"it was built for {build['python_name']}, and {sys.executable} is {python_name()}")
    root = _unpacked(archive, build)
    _leave(archive)
    _run(root, build)


def python_tag() -> str:
    """What compiled code and native modules depend on, such as ``cpython-311``."""
    return f"{sys.implementation.cache_tag}{sys.abiflags}"


def python_name() -> str:
    """This interpreter's kind and version, for people."""
    return f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}{sys.abiflags}"


def _fail(reason: str) -> NoReturn:
    sys.stderr.write(f"this plugin cannot start: {reason}\n")
    sys.exit(1)


def _unpacked(archive: str, build: Build) -> str:
    """The directory with the plugin's files, unpacked if need be."""
    refusals: list[str] = []
    former = os.umask(0o077)
    try:
        for place in places():
            try:
                _make_private(place)
                return _unpacked_in(place, archive, build)
            except OSError as error:
                refusals.append(f"{place}: {error}")
    finally:
        os.umask(former)
    _fail(
        "no directory to unpack it into; set the environment variable "
        f"{CACHE_VARIABLE} to one that is writable and private. Tried " + "; ".join(refusals)
    )


def places() -> Iterator[str]:
    """Directories that can hold the cache, best first."""
    explicit = os.environ.get(CACHE_VARIABLE)
    if explicit:
        yield os.path.abspath(explicit)
        return
    user = os.geteuid()
    home = _home_of(user)
    if home:
        yield f"{home}/.cache/temps-plugin"
    yield f"/var/tmp/temps-plugin-{user}"
    yield f"/tmp/temps-plugin-{user}"
    data_dir = _data_dir()
    if data_dir:
        yield f"{data_dir}/.temps-plugin"


def _home_of(user: int) -> str | None:
    """The user's home directory, from the password file: HOME may be missing, or another's."""
    import pwd

    try:
        home = pwd.getpwuid(user).pw_dir
        return home if os.stat(home).st_uid == user else None
    except (KeyError, OSError):
        return None


def _data_dir() -> str | None:
    """The value of ``--data-dir``, a directory every plugin has and may write to."""
    for at, argument in enumerate(sys.argv):
        if argument == "--data-dir" and at + 1 < len(sys.argv):
            return sys.argv[at + 1]
        if argument.startswith("--data-dir="):
            return argument.partition("=")[2]
    return None


def _make_private(place: str) -> None:
    """Have the directory ``place``, which nobody else can write to, or raise `OSError`."""
    try:
        found = os.lstat(place)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(place)
        found = os.lstat(place)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "is not a directory")
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "other users can write to it")


def _unpacked_in(place: str, archive: str, build: Build) -> str:
    global _in_use
    target = f"{place}/{build['name']}-{build['id']}-{_boot()}"
    _in_use = _locked(f"{target}.lock", fcntl.LOCK_SH)
    try:
        os.utime(_in_use)
        if not os.path.isdir(target):
            turn = _locked(f"{place}/unpacking.lock", fcntl.LOCK_EX)
            try:
                # Whoever had the turn before may have unpacked the same file.
                if not os.path.isdir(target):
                    _unpack(archive, build, target)
                    _prune(place, build["name"], target.rpartition("-")[2])
            finally:
                os.close(turn)
    except BaseException:
        os.close(_in_use)
        raise
    return target


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(8)
    except OSError:
        return "0"


def _locked(path: str, how: int) -> int:
    """An open descriptor of the lock file ``path``, locked; made if need be."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            # The file may have been removed between the two calls: such a lock keeps nobody out.
            if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(descriptor)):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _unpack(archive: str, build: Build, target: str) -> None:
    """Fill the directory ``target``. Only one process at a time gets here."""
    import io
    import shutil
    import zipfile

    filling = f"{target}.new"
    shutil.rmtree(filling, ignore_errors=True)
    os.mkdir(filling)
    if build["native"] and os.statvfs(filling).f_flag & os.ST_NOEXEC:
        os.rmdir(filling)
        raise PermissionError(errno.EACCES, "is mounted noexec, and the plugin has native modules")
    with open(archive, "rb") as file:
        file.seek(build["payload_at"])
        payload = io.BytesIO(file.read(build["payload_size"]))
    try:
        with zipfile.ZipFile(payload) as packed:
            for entry in packed.infolist():
                _write(f"{filling}/{entry.filename}", entry.external_attr, packed.read(entry))
        os.rename(filling, target)
    except zipfile.BadZipFile as error:
        shutil.rmtree(filling, ignore_errors=True)
        _fail(f"its file is damaged ({error}); copy it here again")
    except BaseException:
        shutil.rmtree(filling, ignore_errors=True)
        raise


def _write(path: str, attributes: int, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    mode = 0o700 if (attributes >> 16) & 0o111 else 0o600
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content)


def _prune(place: str, name: str, boot: str) -> None:
    """Remove this plugin's directories that no process holds and none is likely to want."""
    import re
    import shutil
    import time

    lock_file = re.compile(re.escape(name) + r"-[0-9a-f]{20}-([0-9a-f]+)\.lock")
    for entry in os.listdir(place):
        match = lock_file.fullmatch(entry)
        path = f"{place}/{entry}"
        if not match:
            continue
        if match[1] == boot and os.stat(path).st_mtime > time.time() - _UNUSED_SECONDS:
            continue
        try:
            lock = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        shutil.rmtree(path.removesuffix(".lock"), ignore_errors=True)
        os.unlink(path)
        os.close(lock)


def _leave(archive: str) -> None:
    """Forget the file this was started from: everything comes from the unpacked directory now."""
    sys.path_importer_cache.pop(archive, None)
    # A traceback must not look for source lines in a descriptor that has become something else.
    this = sys.modules[__name__]
    this.__loader__ = this.__spec__ = None
    folder, _, number = archive.rpartition("/")
    if folder == "/proc/self/fd" and number.isdigit():
        os.close(int(number))


def _run(root: str, build: Build) -> None:
    app, packages = f"{root}/{APP}", f"{root}/{PACKAGES}"
    sys.path[:0] = [app, packages]
    _add_what_site_adds(packages if build["pth"] else None)
    file = f"{app}/{build['entry']}"
    sys.argv[0] = file
    module = type(sys)("__main__")
    module.__file__ = file
    sys.modules["__main__"] = module
    exec(_code_of(file), module.__dict__)


def _add_what_site_adds(pth_directory: str | None) -> None:
    import builtins

    # `exit()` and `quit()` come from the module `site`, which is left out.
    builtins.__dict__.update(exit=sys.exit, quit=sys.exit)
    if pth_directory:
        import site

        site.addsitedir(pth_directory)


def _code_of(file: str) -> CodeType:
    from importlib.machinery import SourceFileLoader

    code = SourceFileLoader("__main__", file).get_code("__main__")
    if code is None:
        _fail(f"{file} holds no code")
    return code
