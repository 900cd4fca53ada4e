//! Variable scopes: what `get_variable` puts before names, and whether it makes variables or gives those
//! that are there.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tconv_tensor::DType;

use crate::{Error, Graph, Initializer, Result, Scopes};

/// Whether `get_variable` makes variables or gives those that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Makes them; one that is there already is an error.
    #[default]
    No,
    /// Gives them; one that is not there is an error.
    Yes,
    /// Gives those that are there and makes the others.
    Auto,
}

impl Reuse {
    /// This, where it says anything, or else `other`.
    fn or(self, other: Reuse) -> Reuse {
        match self {
            Reuse::No => other,
            said => said,
        }
    }
}

/// A variable scope that is or was open (TensorFlow's `VariableScope`); a cheap handle.
#[derive(Clone)]
pub struct VariableScope(Arc<Parts>);

struct Parts {
    name: String,
    original_name_scope: String,
    reuse: Mutex<Reuse>,
    initializer: Option<Initializer>,
    dtype: DType,
}

impl VariableScope {
    /// What it puts before variables' names; empty outside all scopes.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name scope, with its `/`, that was opened with it first; empty outside all scopes.
    pub fn original_name_scope(&self) -> &str {
        &self.0.original_name_scope
    }

    /// Whether variables in it are reused.
    pub fn reuse(&self) -> Reuse {
        *self.0.reuse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on, variables in it are those that are there.
    pub fn reuse_variables(&self) {
        *self.0.reuse.lock().unwrap_or_else(PoisonError::into_inner) = Reuse::Yes;
    }

    /// How variables in it start that say nothing themselves.
    pub fn initializer(&self) -> Option<&Initializer> {
        self.0.initializer.as_ref()
    }

    /// The dtype of variables in it that say nothing themselves.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    pub(crate) fn full_name(&self, name: &str) -> String {
        match self.name() {
            "" => name.to_string(),
            scope => format!("{scope}/{name}"),
        }
    }
}

impl Default for VariableScope {
    /// Outside all scopes.
    fn default() -> VariableScope {
        VariableScope(Arc::new(Parts {
            name: String::new(),
            original_name_scope: String::new(),
            reuse: Mutex::new(Reuse::No),
            initializer: None,
            dtype: DType::Float32,
        }))
    }
}

impl PartialEq for VariableScope {
    /// Whether both are handles of one scope, opened once.
    fn eq(&self, other: &VariableScope) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for VariableScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VariableScope '{}'", self.name())
    }
}

/// What a variable scope that is being opened says of the variables in it.
#[derive(Clone, Debug, Default)]
pub struct ScopeDefaults {
    /// Whether they are reused; a scope within one that reuses reuses too.
    pub reuse: Reuse,
    /// How they start that say nothing themselves, or as the outer scope says.
    pub initializer: Option<Initializer>,
    /// The dtype of those that say nothing themselves, or as the outer scope says.
    pub dtype: Option<DType>,
}

impl From<Reuse> for ScopeDefaults {
    fn from(reuse: Reuse) -> ScopeDefaults {
        ScopeDefaults {
            reuse,
            ..ScopeDefaults::default()
        }
    }
}

impl Graph {
    /// The variable scope that is open.
    pub fn current_variable_scope(&self) -> VariableScope {
        self.write().variables.open.scope.clone()
    }

    /// Opens a variable scope and a name scope: `name`, which is numbered for nodes but not for variables, or
    /// else `default_name`, numbered for both where it was open before. Gives what was open before, for
    /// [`Graph::set_scopes`].
    ///
    /// # Errors
    /// `Type` without any name, `Value` for a name that is none and for a `default_name` of variables to reuse.
    pub fn open_variable_scope(
        &self,
        name: Option<&str>,
        default_name: Option<&str>,
        defaults: impl Into<ScopeDefaults>,
    ) -> Result<Scopes> {
        let defaults = defaults.into();
        let given = self.take_name();
        let (name, numbered) = match (given.as_deref().or(name), default_name) {
            (Some(name), _) => (name, name.to_string()),
            (None, Some(_)) if defaults.reuse != Reuse::No => {
                return Err(
                    Error::value("reuse=True cannot be used without a name_or_scope")
                        .help("say which scope's variables to reuse"),
                );
            }
            (None, Some(default)) => (default, self.unique_variable_scope(default)),
            (None, None) => {
                return Err(Error::type_(
                    "If default_name is None then name_or_scope is required",
                ));
            }
        };
        let outer = match name {
            "" => self.scopes(),
            name => self.open_name_scope(name)?,
        };
        let parent = &outer.variables.scope;
        let parts = Parts {
            name: parent.full_name(&numbered),
            original_name_scope: format!("{}/", self.current_name_scope()),
            reuse: Mutex::new(defaults.reuse.or(parent.reuse())),
            initializer: defaults
                .initializer
                .or_else(|| parent.initializer().cloned()),
            dtype: defaults.dtype.unwrap_or(parent.dtype()),
        };
        Ok(self.enter(outer, parts))
    }

    /// Opens a variable scope again, from wherever, and a numbered name scope of the last part of its name.
    /// Gives what was open before, for [`Graph::set_scopes`].
    ///
    /// # Errors
    /// None that a scope of a graph can cause.
    pub fn reopen_variable_scope(
        &self,
        scope: &VariableScope,
        defaults: impl Into<ScopeDefaults>,
    ) -> Result<Scopes> {
        let defaults = defaults.into();
        let outer = match scope.name().rsplit('/').next() {
            None | Some("") => self.scopes(),
            Some(last) => self.open_name_scope(last)?,
        };
        let parts = Parts {
            name: scope.name().to_string(),
            original_name_scope: scope.original_name_scope().to_string(),
            reuse: Mutex::new(defaults.reuse.or(scope.reuse())),
            initializer: defaults
                .initializer
                .or_else(|| scope.initializer().cloned()),
            dtype: defaults.dtype.unwrap_or(scope.dtype()),
        };
        Ok(self.enter(outer, parts))
    }

    /// Opens the scope; `outer` is to be put back with this opening counted.
    fn enter(&self, mut outer: Scopes, parts: Parts) -> Scopes {
        let mut state = self.write();
        let open = &mut state.variables.open;
        let opened = Arc::make_mut(&mut open.opened);
        *opened.entry(parts.name.clone()).or_default() += 1;
        outer.variables.opened = open.opened.clone();
        open.scope = VariableScope(Arc::new(parts));
        state.variables.openings += 1;
        state.variables.open.entered = state.variables.openings;
        outer
    }

    /// `name`, with `_1`, `_2`, ... where a variable scope of that name was opened here before.
    fn unique_variable_scope(&self, name: &str) -> String {
        let state = self.write();
        let open = &state.variables.open;
        let is_free = |name: &String| !open.opened.contains_key(&open.scope.full_name(name));
        let numbered = (1..).map(|i| format!("{name}_{i}"));
        std::iter::once(name.to_string())
            .chain(numbered)
            .find(is_free)
            .unwrap_or_default()
    }

    /// Runs `build` with `name` put before the names of variables and of ops. Unlike a name scope it is
    /// not numbered for variables: opening it again means the same variables.
    ///
    /// # Errors
    /// `Value` for a name that is none; what `build` returns.
    pub fn variable_scope<T>(&self, name: &str, build: impl FnOnce() -> Result<T>) -> Result<T> {
        self.variable_scope_reuse(name, Reuse::No, build)
    }

    /// [`Graph::variable_scope`] that says whether variables are reused; a scope within one that reuses
    /// reuses too.
    ///
    /// # Errors
    /// As [`Graph::variable_scope`].
    pub fn variable_scope_reuse<T>(
        &self,
        name: &str,
        reuse: Reuse,
        build: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.within(self.open_variable_scope(Some(name), None, reuse)?, build)
    }
}
