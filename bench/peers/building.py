# SPDX-License-Identifier: MIT
"""Builds the program of each peer once, from bench/peers/FOLDER/PEER.*, all tuned alike."""

import hashlib
import os
import pathlib
import re
import shutil
import tempfile

import table
from harness import Failed, run

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "bench/peers"
CRATES = pathlib.Path("/usr/share/cargo/registry")

LLHTTP = pathlib.Path("/usr/share/llhttp")

OPTIMISED = ["-O2", "-DNDEBUG"]
CLANG_DEBUG = "-gdwarf-4"  # the callgrind of Debian 12 cannot read clang's newer form

CARGO = """[package]
name = "peers"
version = "0.0.0"
edition = "2021"

[dependencies]
tokio = {{ version = "1", features = ["rt", "net", "time", "sync", "io-util", "macros"] }}
libc = "0.2"
{crates}

[profile.release]
opt-level = 3
codegen-units = 1
panic = "abort"
debug = 1

[[bin]]
name = "{name}"
path = "{path}"
"""

CARGO_CONFIG = f"""[source.crates-io]
replace-with = "debian"

[source.debian]
directory = "{CRATES}"
"""


def what_went_wrong(text):
    """The part of a program's output that says why it failed, without the machine's folders."""
    for folder in (ROOT, tempfile.gettempdir(), pathlib.Path.home()):
        text = text.replace(f"{folder}/", "")
    lines = text.strip().splitlines()
    first = next((i for i, line in enumerate(lines) if re.search(r"\berror\b", line)), None)
    if first is None:
        first = max(0, len(lines) - 4)
    return "\n".join(line[:300] for line in lines[first:first + 4])


def is_eddy(peer):
    return peer == "eddy" or peer in table.OTHER_COMPILERS


class Builder:
    """Builds a command from a source. Remembers what could not be built, and why."""

    def __init__(self, release, folder):
        self.release = release  # where eddy is built
        self.folder = folder
        self.errors = {}        # text by (family, peer)
        self.libraries = {"eddy": release / "libeddy.a"}  # of eddy, by peer
        folder.mkdir(parents=True, exist_ok=True)

    def cxx(self):
        return os.environ.get("CXX", "g++").split()

    def cc(self):
        return os.environ.get("CC", "gcc").split()

    def source(self, family, peer):
        """The program of a peer in a family, or None."""
        if peer in table.OTHER_COMPILERS:
            if (family, "eddy") in table.RELEASED:
                return ROOT / "bench" / f"{table.RELEASED[family, 'eddy']}.cpp"
            return self.source(family, "eddy")
        found = [path for path in (SOURCES / family).glob(f"{peer}.*") if path.suffix != ".h"]
        return found[0] if found else None

    def command(self, family, peer):
        """The command of a peer's program, which is built if necessary; None if there is no program,
        or if its build fails."""
        if (family, peer) in table.RELEASED:
            return [self.released(table.RELEASED[family, peer])]
        source = self.source(family, peer)
        if source is None or (family, peer) in self.errors:
            return None
        try:
            return self.build(source, peer)
        except Failed as error:
            self.errors[family, peer] = what_went_wrong(str(error))
            return None

    def released(self, name):
        path = self.release / "bench" / name
        if not path.exists():
            raise Failed(f"{name} is not built: ./dev bench peers builds it")
        return str(path)

    def build(self, source, peer):
        suffix = f"_{peer}" if peer in table.OTHER_COMPILERS else ""
        output = self.folder / f"{source.parent.name}_{source.stem}{suffix}"
        how = {".c": self.compile, ".cpp": self.compile, ".go": self.compile_go,
               ".rs": self.compile_rust, ".js": self.interpret}[source.suffix]
        return how(source, output, peer)

    def library(self, peer):
        """eddy's library, by the compiler of `peer`."""
        if peer not in self.libraries:
            self.libraries[peer] = self.build_library(peer)
        return self.libraries[peer]

    def build_library(self, peer):
        folder = self.folder / f"library_{peer}"
        run(["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
             f"-DCMAKE_CXX_COMPILER={table.OTHER_COMPILERS[peer]}",
             f"-DCMAKE_CXX_FLAGS_RELEASE={' '.join(OPTIMISED)} {CLANG_DEBUG} -g1"])
        run(["cmake", "--build", str(folder)], 600)
        return folder / "libeddy.a"

    def compile_command(self, source, output, peer):
        if peer in table.OTHER_COMPILERS:
            command = [table.OTHER_COMPILERS[peer], "-std=c++23", CLANG_DEBUG]
        elif source.suffix == ".c":
            command = [*self.cc(), "-std=gnu11"]
        else:
            command = [*self.cxx(), "-std=c++23"]
        command += [*OPTIMISED, "-g1", "-I", ROOT / "bench", "-I", SOURCES]
        parser = self.llhttp() if source.parent.name == "http" else []
        if is_eddy(peer):
            command += ["-I", ROOT / "include", "-o", output, source, *parser,
                        self.library(peer), "-pthread"]
        else:
            command += ["-o", output, source, *parser, *table.LINK[peer]]
        return [str(word) for word in command]

    def llhttp(self):
        """Options to compile and link with llhttp, whose C sources Debian has beside node's."""
        objects = []
        for name in ("api", "http", "llhttp"):
            output = self.folder / f"{name}.o"
            command = [*self.cc(), *OPTIMISED, "-I", str(LLHTTP.parent / "include"), "-I",
                       str(LLHTTP.parent / "include/llhttp"), "-c", "-o", str(output),
                       str(LLHTTP / f"{name}.c")]
            if not LLHTTP.exists():
                raise Failed(f"error: {LLHTTP} is not there: the package node-llhttp has it")
            if self.is_stale(output, command, [LLHTTP / f"{name}.c"]):
                run(command)
            objects.append(str(output))
        return ["-I", str(LLHTTP.parent / "include"), *objects]

    def is_stale(self, output, command, inputs):
        """True, once, if the command or a file that it reads has changed."""
        digest = hashlib.sha256(repr(command).encode())
        for path in sorted(inputs):
            digest.update(path.read_bytes())
        stamp = output.with_suffix(".stamp")
        if output.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
            return False
        stamp.write_text(digest.hexdigest())
        output.unlink(missing_ok=True)
        return True

    def compile(self, source, output, peer):
        command = self.compile_command(source, output, peer)
        inputs = [source, *source.parent.glob("*.h"), *SOURCES.glob("*.h*")]
        if is_eddy(peer):
            inputs += [self.library(peer), *(ROOT / "include").rglob("*.hpp"),
                       *(ROOT / "bench").glob("*.hpp")]
        if self.is_stale(output, command, inputs):
            run(command)
        return [str(output)]

    def compile_go(self, source, output, _):
        command = ["go", "build", "-o", str(output), str(source)]
        if self.is_stale(output, command, [source]):
            run(command, 600, env={**os.environ, "GO111MODULE": "off",
                                   "GOCACHE": str(self.folder / "go"), "GOFLAGS": ""})
        return [str(output)]

    def compile_rust(self, source, output, _):
        """Builds with cargo, offline, from the crates that Debian packages."""
        family, name = source.parent.name, output.name
        manifest = CARGO.format(name=name, path=source, crates=table.CRATES.get(family, ""))
        if not self.is_stale(output, [manifest], [source]):
            return [str(output)]
        folder = self.folder / "rust" / family
        (folder / ".cargo").mkdir(parents=True, exist_ok=True)
        (folder / ".cargo/config.toml").write_text(CARGO_CONFIG)
        (folder / "Cargo.toml").write_text(manifest)
        target = self.folder / "rust/target"
        run(["cargo", "build", "--release", "--offline", "--bin", name], 600, cwd=folder,
            env={**os.environ, "CARGO_HOME": str(self.folder / "rust/home"),
                 "CARGO_TARGET_DIR": str(target)})
        shutil.copy(target / "release" / name, output)
        return [str(output)]

    def interpret(self, source, *_):
        if shutil.which("node") is None:
            raise Failed("node is not found")
        return ["node", str(source)]
