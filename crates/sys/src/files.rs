//! Files of a directory that others may have prepared for us.
//!
//! The problem: the state directory stands in a home that may be shared, synchronised, or hostile. A path is
//! looked up anew at each use, so that a symbolic link or a named pipe planted between two uses sends our
//! bytes elsewhere or hangs us. Here every name is resolved below a directory that is held open, no link is
//! followed, nothing but a regular file is ever read or written, and opening never waits for anybody.
//!
//! Used by the store and by nobody above it.

use super::probe;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use rustix::fs::Dir;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Nobody but the owner may look into what we write.
const PRIVATE_DIRECTORY: Mode = Mode::S_IRWXU;
const PRIVATE_FILE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// The file that a name leads to. A link of our own is followed where a file is behind it; one that somebody else made is
/// not, or root would write where they like.
pub fn behind_own_link(path: &Path) -> PathBuf {
    let link = path.symlink_metadata();
    let is_ours = link.is_ok_and(|link| link.is_symlink() && link.uid() == geteuid().as_raw());
    match path.canonicalize() {
        Ok(target) if is_ours && target.is_file() => target,
        _ => path.to_owned(),
    }
}

/// A directory, held open.
#[derive(Debug)]
pub struct Directory {
    handle: File,
    path: PathBuf,
}

/// What a file is opened for.
#[derive(Clone, Copy)]
pub enum Access {
    /// Reading what exists.
    Read,
    /// Appending; the file is created where it is missing.
    Append,
    /// Writing a file that must not exist yet.
    CreateNew,
    /// Locking what exists; nothing is read that another writes.
    Lock,
}

/// What can be seen of a file from outside.
#[derive(Clone, Copy)]
pub struct FileState {
    /// Its length.
    pub bytes: u64,
    /// When it was last written to.
    pub modified: SystemTime,
}

/// Whether a missing directory is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is made, for its owner alone.
    Create,
    /// It is an error.
    Fail,
}

impl Directory {
    /// Opens a directory by its path, links included: the base that the user chose is the user's affair.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(path: &Path, missing: Missing) -> io::Result<Self> {
        if missing == Missing::Create {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        }
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_DIRECTORY);
        Ok(Self {
            handle: options.open(path)?,
            path: path.to_owned(),
        })
    }

    /// Opens a directory of this one, never through a link.
    ///
    /// # Errors
    /// The kernel's; `ELOOP` or `ENOTDIR` for a link.
    pub fn below(&self, name: &str, missing: Missing) -> io::Result<Self> {
        if missing == Missing::Create {
            match mkdirat(&self.handle, name, PRIVATE_DIRECTORY) {
                Ok(()) | Err(nix::Error::EEXIST) => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let handle = openat(&self.handle, name, flags, Mode::empty())?;
        Ok(Self {
            handle: handle.into(),
            path: self.path.join(name),
        })
    }

    /// Opens a file of this directory; anything but a regular file is refused, and nothing is waited for.
    ///
    /// # Errors
    /// The kernel's, and `InvalidInput` for what is no regular file.
    pub fn file(&self, name: &str, access: Access) -> io::Result<File> {
        let purpose = match access {
            Access::Read | Access::Lock => OFlag::O_RDONLY,
            Access::Append => OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT,
            Access::CreateNew => OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL,
        };
        // O_NONBLOCK: opening a named pipe would wait for its other end.
        let flags =
            purpose | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = File::from(openat(&self.handle, name, flags, PRIVATE_FILE)?);
        probe::regular(&file.metadata()?)?;
        Ok(file)
    }

    /// Gives a file another name, replacing what has it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Removes a file, or a link, never what the link names.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove_directory(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, UnlinkatFlags::RemoveDir)?)
    }

    /// The first `at_most` names of this directory that are text.
    pub fn names(&self, at_most: usize) -> Vec<String> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle).into_iter().flatten() {
            if names.len() >= at_most {
                break;
            }
            if let Ok(entry) = entry
                && let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Writes the directory's entries to disk.
    ///
    /// # Errors
    /// The kernel's.
    pub fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    /// Length and time of a file of this directory, without opening it.
    ///
    /// # Errors
    /// The kernel's, and `InvalidInput` for what is no regular file.
    pub fn look(&self, name: &str) -> io::Result<FileState> {
        let status = fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if status.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFREG.bits() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // A time before 1970 is none that a file of ours can have.
        let seconds = u64::try_from(status.st_mtime).unwrap_or_default();
        let since_1970 = Duration::new(seconds, status.st_mtime_nsec as u32);
        let modified = SystemTime::UNIX_EPOCH.checked_add(since_1970);
        Ok(FileState {
            bytes: status.st_size as u64,
            modified: modified.unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }

    /// When a name was last added to or removed from it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.handle.metadata()?.modified()
    }

    /// A second handle on it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            handle: self.handle.try_clone()?,
            path: self.path.clone(),
        })
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nobody but us, or the owner of the directory `above` it, made this directory.
    ///
    /// In `/tmp` somebody else may have made ours before us. In a home that a container mounts, root finds
    /// the directory that the home's owner made; that one is as trustworthy as the home.
    ///
    /// # Errors
    /// The kernel's.
    pub fn is_ours(&self, above: &Self) -> io::Result<bool> {
        let owner = self.handle.metadata()?.uid();
        Ok(owner == geteuid().as_raw() || owner == above.handle.metadata()?.uid())
    }

    /// Takes away what others may do with this directory; silently where we may not.
    pub fn make_private(&self) {
        if let Ok(metadata) = self.handle.metadata()
            && metadata.mode() & 0o077 != 0
        {
            let _ = fchmod(&self.handle, PRIVATE_DIRECTORY);
        }
    }
}
