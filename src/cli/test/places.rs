//! Where tests are, and which scripts they are about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cli::failure::Failure;
use crate::model::{reason, shown};
use crate::script::TEST_ENDING as TESTS;

/// How the name of a script ends.
const SCRIPT: &str = ".rhai";

/// Folders within each other that are looked into.
const DEEPEST: usize = 32;

/// What was found in the paths that were named.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Files of tests, in order.
    pub(super) tests: BTreeSet<String>,
    /// Scripts that are no tests.
    pub(super) scripts: BTreeSet<String>,
    /// The same files, whatever they are called.
    known: BTreeSet<PathBuf>,
}

impl Places {
    /// Finds the tests in files and folders.
    pub(super) fn find(paths: &[String]) -> Result<Self, Failure> {
        let mut places = Self::default();
        for path in paths {
            let kind = std::fs::metadata(path).map_err(|error| {
                Failure::usage(format!("can't read {}: {}", shown(path), reason(&error)))
            })?;
            if kind.is_dir() {
                if places.look_into(Path::new(path), 0)? == 0 {
                    return Err(Failure::usage(format!(
                        "there are no tests in {}: their files are called NAME{TESTS}",
                        shown(path)
                    )));
                }
            } else if path.ends_with(TESTS) {
                places.add_tests(path.clone());
                let script = format!("{}{SCRIPT}", path.strip_suffix(TESTS).unwrap_or(path));
                if Path::new(&script).is_file() {
                    places.add_script(script);
                }
            } else if let Some(name) = path.strip_suffix(SCRIPT) {
                let tests = format!("{name}{TESTS}");
                if !Path::new(&tests).is_file() {
                    return Err(Failure::usage(format!(
                        "{} has no tests: there is no {} beside it",
                        shown(path),
                        shown(&tests)
                    )));
                }
                places.add_tests(tests);
                places.add_script(path.clone());
            } else {
                return Err(Failure::usage(format!(
                    "{} is no file of tests: those are called NAME{TESTS}",
                    shown(path)
                )));
            }
        }
        Ok(places)
    }

    fn is_new(&mut self, path: &str) -> bool {
        let whole = std::fs::canonicalize(path);
        self.known
            .insert(whole.unwrap_or_else(|_| PathBuf::from(path)))
    }

    fn add_tests(&mut self, path: String) {
        if self.is_new(&path) {
            self.tests.insert(path);
        }
    }

    fn add_script(&mut self, path: String) {
        if self.is_new(&path) {
            self.scripts.insert(path);
        }
    }

    /// Finds what a folder has, and returns how many files of tests that is.
    fn look_into(&mut self, folder: &Path, depth: usize) -> Result<usize, Failure> {
        let failed = |error: &std::io::Error| {
            let folder = folder.display().to_string();
            Failure::usage(format!("can't read {}: {}", shown(&folder), reason(error)))
        };
        let mut found = 0;
        for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            let path = folder.join(&name);
            // A folder behind a link may be one that it lies in.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < DEEPEST {
                found += self.look_into(&path, depth + 1)?;
                continue;
            }
            let text = path.to_string_lossy().into_owned();
            if text.ends_with(TESTS) {
                found += 1;
                self.add_tests(text);
            } else if text.ends_with(SCRIPT) {
                self.add_script(text);
            }
        }
        Ok(found)
    }

    /// Returns when each file that matters was written last: the tests, and whatever lies beside them.
    pub(super) fn written(&self) -> Vec<(PathBuf, Option<SystemTime>)> {
        let folders: BTreeSet<PathBuf> = self
            .tests
            .iter()
            .filter_map(|file| Path::new(file).parent())
            .map(|folder| match folder.as_os_str().is_empty() {
                true => PathBuf::from("."),
                false => folder.to_owned(),
            })
            .collect();
        let mut found = Vec::new();
        for folder in folders {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            for entry in entries {
                let time = entry.metadata().and_then(|file| file.modified()).ok();
                found.push((entry.path(), time));
            }
        }
        found.sort();
        found
    }
}
