//! `import`: the built-in library as `std/NAME`, and files beside the script, which stay in its folder.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rhai::{Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};

use super::coverage::{SharedCoverage, note_lines};
use super::error::ScriptError;
use super::permission::{Access, SharedPermissions, text_of};
use crate::files;
use crate::model::reason;

/// The built-in library: name, text.
const LIBRARY: &[(&str, &str)] = &[
    ("audit", include_str!("../../stdlib/audit.rhai")),
    ("drain", include_str!("../../stdlib/drain.rhai")),
    ("relocate", include_str!("../../stdlib/relocate.rhai")),
    ("expect", include_str!("../../stdlib/expect.rhai")),
    ("rollout", include_str!("../../stdlib/rollout.rhai")),
    ("select", include_str!("../../stdlib/select.rhai")),
];

const PREFIX: &str = "std/";

/// The largest file that is imported, in bytes.
const LARGEST_MODULE: u64 = 4 << 20;

/// The texts of a script and of what it imported, by the names that errors use.
pub(super) type Sources = Rc<RefCell<BTreeMap<String, String>>>;

/// Finds the text of a module.
#[derive(Clone, Debug)]
pub(super) struct Loader {
    /// The folder of the script, which imports do not leave.
    folder: PathBuf,
    permissions: SharedPermissions,
}

/// A module's text and the name by which errors call it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) text: String,
}

impl Loader {
    /// Makes a loader for a script by its path; one without a file imports from the current folder.
    pub(super) fn for_script(path: &str, permissions: SharedPermissions) -> Self {
        let file = Path::new(path);
        let folder = match file.parent().filter(|_| file.is_file()) {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Self {
            folder,
            permissions,
        }
    }

    /// Finds the module that `path` names in the script or module `from`.
    pub(super) fn find(&self, path: &str, from: Option<&str>) -> Result<Found, ScriptError> {
        if let Some(name) = path.strip_prefix(PREFIX) {
            return library(name);
        }
        let beside = from
            .filter(|from| !from.starts_with(PREFIX))
            .map(Path::new)
            .filter(|from| from.is_file())
            .and_then(Path::parent);
        let folder = match beside {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => &self.folder,
        };
        let mut file = folder.join(path);
        if file.extension().is_none() {
            file.set_extension("rhai");
        }
        let shown = file.to_string_lossy().into_owned();
        let wrong = |error: std::io::Error| {
            let mut wrong = ScriptError::new(
                "io",
                format!("can't import {path}: {shown}: {}", reason(&error)),
            );
            let names: Vec<&str> = LIBRARY.iter().map(|(name, _)| *name).collect();
            wrong.set_hint(format!(
                "the built-in library is imported as std/NAME: {}",
                names.join(" ")
            ));
            wrong
        };
        let jail = std::fs::canonicalize(&self.folder).map_err(wrong)?;
        // Outside the folder nothing is told that may not be read: whether a file is there neither, also behind a link.
        let inside = files::deepest(&file).is_some_and(|place| place.starts_with(&jail));
        let place = std::fs::canonicalize(&file);
        if !inside {
            let allowed = self.permissions.borrow().resolve(Access::Read, &shown);
            allowed.map_err(|refused| {
                let mut error = ScriptError::new(
                    "permission",
                    format!("can't import {path}: it lies outside the folder of the script"),
                );
                error.hint = refused.hint;
                error
            })?;
        }
        let text = place
            .and_then(|place| text_of(&place, LARGEST_MODULE))
            .map_err(wrong)?;
        Ok(Found { name: shown, text })
    }
}

fn library(name: &str) -> Result<Found, ScriptError> {
    let found = LIBRARY.iter().find(|(known, _)| *known == name);
    if let Some((name, text)) = found {
        return Ok(Found {
            name: format!("{PREFIX}{name}"),
            text: (*text).to_owned(),
        });
    }
    let names = LIBRARY.iter().map(|(name, _)| *name);
    let mut error = ScriptError::new(
        "missing",
        format!("the built-in library has no {PREFIX}{name}"),
    );
    error.set_hint(match crate::model::suggestion(name, names.clone()) {
        Some(near) => format!("did you mean {PREFIX}{near}?"),
        None => format!("it has {}", names.collect::<Vec<_>>().join(" ")),
    });
    Err(error)
}

/// Returns the built-in library, for help and tests: name and text of each module.
#[must_use]
pub fn library_modules() -> &'static [(&'static str, &'static str)] {
    LIBRARY
}

/// Compiles what is imported, each module once.
pub(super) struct Resolver {
    loader: Loader,
    sources: Sources,
    cache: RefCell<BTreeMap<String, Shared<Module>>>,
    loading: RefCell<Vec<String>>,
    coverage: Option<SharedCoverage>,
}

impl Resolver {
    pub(super) fn new(loader: Loader, sources: Sources, coverage: Option<SharedCoverage>) -> Self {
        Self {
            coverage,
            loader,
            sources,
            cache: RefCell::default(),
            loading: RefCell::default(),
        }
    }

    fn load(&self, engine: &Engine, found: Found) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let name = found.name.clone();
        self.sources
            .borrow_mut()
            .insert(name.clone(), found.text.clone());
        let script = super::Script {
            path: name.clone(),
            source: found.text,
            arguments: Vec::new(),
        };
        let in_module = |error: Box<EvalAltResult>| -> Box<EvalAltResult> {
            EvalAltResult::ErrorInModule(name.clone(), error, Position::NONE).into()
        };
        let mut ast = engine
            .compile(script.compilable())
            .map_err(|error| in_module(error.into()))?;
        ast.set_source(name.as_str());
        if let Some(coverage) = &self.coverage {
            note_lines(coverage, &name, &ast);
        }
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine).map_err(in_module)?;
        Ok(module.into())
    }
}

impl Resolver {
    /// Returns a module by its path, as a script without a name would import it.
    pub(super) fn module(
        &self,
        engine: &Engine,
        path: &str,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        self.resolve(engine, None, path, Position::NONE)
    }
}

/// A resolver that others hold as well.
pub(super) struct SharedResolver(pub(super) Rc<Resolver>);

impl ModuleResolver for SharedResolver {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        self.0.resolve(engine, source, path, position)
    }
}

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let found = self
            .loader
            .find(path, source)
            .map_err(|error| error.raise(position))?;
        if let Some(module) = self.cache.borrow().get(&found.name) {
            return Ok(Shared::clone(module));
        }
        if self.loading.borrow().contains(&found.name) {
            let mut circle = self.loading.borrow().clone();
            circle.push(found.name);
            let text = format!("imports go in a circle: {}", circle.join(" -> "));
            return Err(ScriptError::new("invalid", text).raise(position));
        }
        let name = found.name.clone();
        self.loading.borrow_mut().push(name.clone());
        let loaded = self.load(engine, found);
        self.loading.borrow_mut().pop();
        let module = loaded?;
        self.cache.borrow_mut().insert(name, Shared::clone(&module));
        Ok(module)
    }
}
