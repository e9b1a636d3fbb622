//! Finding out why the system would not run a file.
//!
//! `execve` answers with an error number that says little: "no such file" for a script whose
//! interpreter is missing, "exec format error" for anything from a text to another processor's
//! program. This module looks at the file and says which.

use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::start_error::StartErrorKind;

/// How much of the file is looked at, in bytes: headers, and the name of its loader.
const BEGINNING_BYTES: u64 = 64 * 1024;
const EXCERPT_BYTES: usize = 16;
/// What [`other_than_file`] says of a directory.
pub(crate) const DIRECTORY: &str = "a directory";

/// Why running `program` in `working_dir` failed with `error`.
pub(crate) fn diagnose(
    program: &Path,
    working_dir: Option<&Path>,
    error: io::Error,
) -> StartErrorKind {
    if let Some(dir) = working_dir.filter(|dir| !dir.is_dir()) {
        return StartErrorKind::WorkingDirectory(dir.to_owned());
    }
    let metadata = match std::fs::metadata(program) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return StartErrorKind::NotFound,
        Err(_) => return StartErrorKind::Spawn(error),
    };
    if let Some(found) = other_than_file(&metadata) {
        return StartErrorKind::NotAFile { found };
    }
    if error.kind() == io::ErrorKind::PermissionDenied {
        return StartErrorKind::NotExecutable {
            mode: metadata.mode() & 0o7777,
            owner: metadata.uid(),
            group: metadata.gid(),
            user: rustix::process::geteuid().as_raw(),
        };
    }
    let Ok(beginning) = beginning_of(program) else {
        return StartErrorKind::Spawn(error);
    };
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::NOENT) => match interpreter(&beginning) {
            Some(interpreter) => StartErrorKind::MissingInterpreter { interpreter },
            None => StartErrorKind::Spawn(error),
        },
        Some(rustix::io::Errno::NOEXEC) => match made_for(&beginning) {
            Some(found) if found != this_host() => {
                StartErrorKind::WrongArchitecture { found, expected: this_host() }
            }
            Some(_) | None => StartErrorKind::NotAProgram { beginning: excerpt(&beginning) },
        },
        _ => StartErrorKind::Spawn(error),
    }
}

/// What a thing is that is no file.
pub(crate) fn other_than_file(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some(DIRECTORY)
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else {
        Some("a device")
    }
}

fn beginning_of(program: &Path) -> io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    std::fs::File::open(program)?.take(BEGINNING_BYTES).read_to_end(&mut beginning)?;
    Ok(beginning)
}

fn excerpt(beginning: &[u8]) -> String {
    let shown = &beginning[..beginning.len().min(EXCERPT_BYTES)];
    String::from_utf8_lossy(shown).into_owned()
}

/// The program that a file needs to be run, if its first bytes name one.
fn interpreter(beginning: &[u8]) -> Option<String> {
    if let Some(line) = beginning.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?;
        let line = String::from_utf8_lossy(line);
        return line.split_ascii_whitespace().next().map(str::to_owned);
    }
    elf_loader::<FileHeader64<Endianness>>(beginning)
        .or_else(|| elf_loader::<FileHeader32<Endianness>>(beginning))
}

/// What PT_INTERP of an ELF file names.
fn elf_loader<H: FileHeader<Endian = Endianness>>(beginning: &[u8]) -> Option<String> {
    let header = H::parse(beginning).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, beginning).ok()?;
    let loader = segments
        .iter()
        .find_map(|segment| segment.interpreter(endian, beginning).ok().flatten())?;
    Some(String::from_utf8_lossy(loader).into_owned())
}

/// The system and processor a program is made for, or `None` for a file that is no program.
fn made_for(beginning: &[u8]) -> Option<String> {
    match beginning {
        [0x7f, b'E', b'L', b'F', ..] => {
            let machine = elf_machine::<FileHeader64<Endianness>>(beginning)
                .or_else(|| elf_machine::<FileHeader32<Endianness>>(beginning))?;
            Some(format!("Linux on {machine}"))
        }
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            Some("macOS".to_owned())
        }
        [b'M', b'Z', ..] => Some("Windows".to_owned()),
        _ => None,
    }
}

fn elf_machine<H: FileHeader<Endian = Endianness>>(beginning: &[u8]) -> Option<String> {
    let header = H::parse(beginning).ok()?;
    let endian = header.endian().ok()?;
    let name = match header.e_machine(endian) {
        elf::EM_X86_64 => "x86_64",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_386 => "x86",
        elf::EM_ARM => "arm",
        elf::EM_RISCV => "riscv64",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_S390 => "s390x",
        other => return Some(format!("machine {}", other.0)),
    };
    Some(name.to_owned())
}

fn this_host() -> String {
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => return "macOS".to_owned(),
        other => other,
    };
    format!("{system} on {}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_says_what_it_is_made_for_and_who_loads_it() {
        let me = beginning_of(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(made_for(&me), Some(this_host()));
        let loader = interpreter(&me).unwrap();
        assert!(Path::new(&loader).is_absolute(), "{loader}");
    }

    #[test]
    fn scripts_name_their_interpreter() {
        let named = |text: &[u8]| interpreter(text);
        assert_eq!(named(b"#!/bin/sh\n").as_deref(), Some("/bin/sh"));
        assert_eq!(named(b"#! /usr/bin/env node\n").as_deref(), Some("/usr/bin/env"));
        assert_eq!(named(b"echo hello\n"), None);
    }

    #[test]
    fn programs_of_other_systems_are_told_apart() {
        assert_eq!(made_for(b"MZ\x90\0").as_deref(), Some("Windows"));
        assert_eq!(made_for(&[0xcf, 0xfa, 0xed, 0xfe]).as_deref(), Some("macOS"));
        assert_eq!(made_for(b"hello"), None);
    }
}
