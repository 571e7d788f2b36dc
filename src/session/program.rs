//! What a file is that an inventory calls a program. What Linux does not start as one must not reach a host: a shell there
//! takes any text for a script.

use std::{fs::File, io};

use object::{
    Endianness, FileKind,
    elf::{self, FileHeader32, FileHeader64},
    read::{
        ReadCache, ReadRef as _,
        elf::{FileHeader, ProgramHeader as _},
    },
};

/// A program that Linux starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// With `#!`.
    Script,
    Elf {
        /// As `uname -m` would print it; `None`: a machine that we do not know.
        arch: Option<&'static str>,
        /// The program that loads it; `None`: it needs none.
        loader: Option<String>,
    },
}

/// Why a file is none: what it is, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoProgram {
    pub is: String,
    pub help: &'static str,
}

const UNPACK: &str = "unpack it, and give the path of the program in it";
const BUILD: &str = "give a build for Linux (of Go: `GOOS=linux go build`)";
const DOWNLOAD: &str = "download the file itself: with curl or wget, not from a page that shows it";
const SCRIPT: &str = "give the program itself; a script has to begin with `#!` and its interpreter";
const AGAIN: &str = "copy, download or build it again";

/// How other files begin.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"!<arch>\n", "a package or a library (ar)", UNPACK),
    (b"\xed\xab\xee\xdb", "an rpm package", UNPACK),
    (b"MZ", "a program for Windows", BUILD),
    (b"\xcf\xfa\xed\xfe", "a program for macOS (Mach-O)", BUILD),
    (b"\xce\xfa\xed\xfe", "a program for macOS (Mach-O)", BUILD),
    (b"\xfe\xed\xfa\xcf", "a program for macOS (Mach-O)", BUILD),
    (b"\xfe\xed\xfa\xce", "a program for macOS (Mach-O)", BUILD),
    (b"\xca\xfe\xba\xbe", "a program for macOS of several architectures, or a Java class", BUILD),
    (
        b"version https://git-lfs.",
        "a pointer of Git LFS, not the file",
        "fetch the file itself with `git lfs pull`",
    ),
    (b"%PDF", "a PDF document", DOWNLOAD),
];
/// Where tar archives say that they are.
const TAR: (usize, &[u8]) = (257, b"ustar");
/// Bytes of a path, for the kernel.
const LONGEST_PATH: u64 = 4096;
/// Bytes that tell the kinds apart.
const HEAD: u64 = 512;

/// Reads what it has to of the file: its beginning, and of an ELF file the headers.
pub fn kind_of(file: &File) -> io::Result<Result<Program, NoProgram>> {
    let size = file.metadata()?.len();
    let cache = ReadCache::new(file);
    let head = cache.read_bytes_at(0, size.min(HEAD)).map_err(|()| io::Error::other("it cannot be read"))?;
    Ok(match FileKind::parse_at(&cache, 0) {
        _ if !head.starts_with(&elf::ELFMAG) => without_elf(head),
        Ok(FileKind::Elf64) => elf::<FileHeader64<Endianness>>(&cache, size),
        Ok(FileKind::Elf32) => elf::<FileHeader32<Endianness>>(&cache, size),
        _ => Err(cut_short(size)),
    })
}

fn without_elf(head: &[u8]) -> Result<Program, NoProgram> {
    if head.starts_with(b"#!") {
        return Ok(Program::Script);
    }
    let known = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic));
    let (is, help) = match known {
        Some((_, is, help)) => (*is, *help),
        None if head.is_empty() => ("an empty file", AGAIN),
        None if head.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1)) => ("a tar archive", UNPACK),
        None if is_html(head) => ("a web page (HTML)", DOWNLOAD),
        None if is_text(head) => ("a text", SCRIPT),
        None => ("no file that Linux starts", "give an ELF program"),
    };
    Err(NoProgram { is: is.to_owned(), help })
}

fn is_html(head: &[u8]) -> bool {
    let text =
        String::from_utf8_lossy(head).trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).to_lowercase();
    text.starts_with("<!doctype html") || text.starts_with("<html")
}

fn is_text(head: &[u8]) -> bool {
    head.iter().all(|&byte| byte >= b' ' && byte != 0x7f || b"\t\r\n\x0c".contains(&byte))
}

fn cut_short(size: u64) -> NoProgram {
    NoProgram { is: format!("a program that is cut short: an ELF file of {size} bytes"), help: AGAIN }
}

/// Everything that is loaded has to be in the file, or the kernel ends the program at its start.
fn elf<H: FileHeader<Endian = Endianness>>(
    cache: &ReadCache<&File>,
    size: u64,
) -> Result<Program, NoProgram> {
    let cut = |_: object::Error| cut_short(size);
    let header = H::parse(cache).map_err(cut)?;
    let endian = header.endian().map_err(cut)?;
    let kind = match header.e_type(endian) {
        elf::ET_EXEC | elf::ET_DYN => None,
        elf::ET_REL => Some("an object file, not linked yet"),
        elf::ET_CORE => Some("a core dump"),
        _ => Some("an ELF file that is no program"),
    };
    if let Some(is) = kind {
        return Err(NoProgram { is: is.to_owned(), help: "give the program" });
    }
    // As the kernel has it: more of them would stand elsewhere, which is for object files.
    if header.e_phnum(endian) == elf::PN_XNUM {
        return Err(NoProgram {
            is: "an ELF file with too many segments".to_owned(),
            help: "give the program",
        });
    }
    let mut loader = None;
    let segments = header.program_headers(endian, cache).map_err(cut)?;
    for segment in segments {
        let (offset, length) = segment.file_range(endian);
        let is_loaded = segment.p_type(endian) == elf::PT_LOAD && length > 0;
        let is_path = segment.p_type(endian) == elf::PT_INTERP;
        if (is_loaded || is_path) && offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(cut_short(size));
        }
        if is_path && length > LONGEST_PATH {
            return Err(NoProgram { is: "an ELF file whose loader has no name".to_owned(), help: AGAIN });
        }
        if let Some(path) = segment.interpreter(endian, cache).map_err(cut)? {
            loader = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    if !segments.iter().any(|segment| segment.p_type(endian) == elf::PT_LOAD) {
        return Err(NoProgram {
            is: "an ELF file that has nothing to run".to_owned(),
            help: "give the program",
        });
    }
    Ok(Program::Elf { arch: architecture(header.e_machine(endian)), loader })
}

/// ELF's machine as `uname -m` calls it.
fn architecture(machine: elf::Machine) -> Option<&'static str> {
    match machine {
        elf::EM_X86_64 => Some("x86_64"),
        elf::EM_AARCH64 => Some("aarch64"),
        elf::EM_ARM => Some("armv7l"),
        elf::EM_RISCV => Some("riscv64"),
        elf::EM_386 => Some("i686"),
        elf::EM_S390 => Some("s390x"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use super::*;

    fn of(bytes: &[u8]) -> Result<Program, NoProgram> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        kind_of(&file).unwrap()
    }

    #[test]
    fn a_program_is_one_and_says_what_loads_it() {
        let own = std::fs::read("/bin/sh").unwrap();
        let Ok(Program::Elf { arch, loader }) = of(&own) else { panic!("sh") };
        assert_eq!(arch, Some(std::env::consts::ARCH));
        assert!(loader.is_some_and(|loader| std::path::Path::new(&loader).exists()));
        assert_eq!(of(b"#!/bin/sh\n"), Ok(Program::Script));
        for at in [4, 16, 20, 52, 64, 100, 1000, own.len() / 2] {
            let is = of(&own[..at]).unwrap_err().is;
            assert!(is.contains("cut short"), "{at} bytes: {is}");
        }
    }

    #[test]
    fn what_is_none_is_named() {
        let mut tar = vec![b'x'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, is) in [
            (&b""[..], "an empty file"),
            (b"\x1f\x8b\x08\0", "a gzip archive"),
            (b"PK\x03\x04", "a zip archive"),
            (&tar, "a tar archive"),
            (b"\xcf\xfa\xed\xfe\x07", "a program for macOS (Mach-O)"),
            (b"MZ\x90", "a program for Windows"),
            (b"\n  <!DOCTYPE HTML><html>", "a web page (HTML)"),
            (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, not the file"),
            (b"id > EXECUTED\n", "a text"),
            (b"\x7fELF", "a program that is cut short: an ELF file of 4 bytes"),
            (b"\0\x01\x02", "no file that Linux starts"),
        ] {
            assert_eq!(of(bytes).unwrap_err().is, is);
        }
    }
}
