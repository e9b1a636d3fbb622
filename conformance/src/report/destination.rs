//! Reports in files: `FORMAT=FILE`, whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum as _;

use super::Format;

/// A file that a report goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// How it is written.
    pub format: Format,
    /// Where.
    pub path: PathBuf,
}

/// Why a report has no place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// There is no `=`, or nothing after it.
    #[error("`{0}` is not FORMAT=FILE, such as junit=target/junit.xml")]
    Shape(String),
    /// The word before `=` is none of the formats.
    #[error("`{found}` is no format; there are {}", names())]
    Format {
        /// The word.
        found: String,
    },
    /// Two reports would go to one file.
    #[error("two reports can't go to the same file, {}", .0.display())]
    Twice(PathBuf),
    /// The file or the directory it is to be in can't be written.
    #[error("can't {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
}

fn names() -> String {
    let names: Vec<_> = Format::value_variants().iter().map(|format| format.name()).collect();
    names.join(", ")
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || DestinationError::Shape(text.to_owned());
        let (name, path) = text.split_once('=').ok_or_else(shape)?;
        let format = Format::value_variants().iter().find(|format| format.name() == name);
        let found = || DestinationError::Format { found: name.to_owned() };
        let format = *format.ok_or_else(found)?;
        if path.is_empty() {
            return Err(shape());
        }
        Ok(Self { format, path: PathBuf::from(path) })
    }
}

impl Destination {
    /// Sees that all of `destinations` can be written, before a run whose reports would be lost:
    /// makes the directories they are to be in.
    ///
    /// # Errors
    /// [`DestinationError::Twice`] or [`DestinationError::Io`].
    pub fn prepare(destinations: &[Self]) -> Result<(), DestinationError> {
        for (number, Self { path, .. }) in destinations.iter().enumerate() {
            if destinations[..number].iter().any(|other| other.path == *path) {
                return Err(DestinationError::Twice(path.clone()));
            }
            let directory = directory(path);
            fs::create_dir_all(directory).map_err(failed("make the directory", directory))?;
            if path.is_dir() {
                let source = io::Error::from(io::ErrorKind::IsADirectory);
                return Err(failed("write", path)(source));
            }
            if !is_special(path) {
                temporary(directory).map_err(failed("write in", directory))?;
            }
        }
        Ok(())
    }

    /// Writes `text`: a file is replaced in one step, so that nobody reads half a report. What is no
    /// ordinary file, such as a pipe, is written to as it is.
    ///
    /// # Errors
    /// [`DestinationError::Io`].
    pub fn write(&self, text: &str) -> Result<(), DestinationError> {
        let write = failed("write", &self.path);
        if is_special(&self.path) {
            let file = File::options().write(true).open(&self.path);
            return file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(write);
        }
        // A link keeps pointing to where it points.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let replace = || -> io::Result<()> {
            let mut file = temporary(directory(&path))?;
            file.write_all(text.as_bytes())?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        replace().map_err(write)
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DestinationError {
    let path = path.to_owned();
    move |source| DestinationError::Io { what, path, source }
}

/// A new file that goes away unless it is kept, readable for others as far as the umask lets it.
fn temporary(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".conformance-report-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether `path` is there and neither a file nor a directory.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path) -> Destination {
        Destination { format: Format::Tap, path: path.to_owned() }
    }

    #[test]
    fn a_destination_is_a_format_and_a_file() {
        let parsed: Destination = "junit=a/b=c.xml".parse().unwrap();
        assert_eq!(parsed, Destination { format: Format::Junit, path: "a/b=c.xml".into() });
        for (text, why) in [
            ("junit", "is not FORMAT=FILE"),
            ("junit=", "is not FORMAT=FILE"),
            ("xml=a", "`xml` is no format; there are human, json, junit, tap, github, html"),
            ("=a", "`` is no format"),
        ] {
            let error = text.parse::<Destination>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_with_ordinary_permissions() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/report.tap");
        let destination = file(&path);
        Destination::prepare(std::slice::from_ref(&destination)).unwrap();
        assert!(!path.exists(), "preparing writes nothing");
        // A reader that has the old one open keeps reading the old one.
        fs::write(&path, "old").unwrap();
        let mut reader = File::open(&path).unwrap();
        destination.write("new").unwrap();
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "old");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        let plain = dir.path().join("plain");
        File::create(&plain).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_link_keeps_pointing_and_a_device_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        file(&link).write("new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");

        let device = dir.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        Destination::prepare(&[file(&device)]).unwrap();
        file(&device).write("gone").unwrap();
        assert_eq!(fs::read_link(&device).unwrap(), Path::new("/dev/null"));
    }

    #[test]
    fn what_can_not_be_written_is_said_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let same = Destination { format: Format::Html, path: path.clone() };
        let error = Destination::prepare(&[file(&path), same]).unwrap_err();
        assert!(matches!(error, DestinationError::Twice(_)), "{error}");
        let error = Destination::prepare(&[file(dir.path())]).unwrap_err().to_string();
        assert!(error.contains("directory"), "{error}");
        fs::write(&path, "").unwrap();
        let error = Destination::prepare(&[file(&path.join("y/z"))]).unwrap_err().to_string();
        assert!(error.contains("make the directory"), "{error}");
    }
}
