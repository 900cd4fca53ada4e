use std::collections::HashMap;

use crate::{Error, Result};

/// Names in use and the open name scopes; numbers names as TensorFlow numbers them.
#[derive(Default)]
pub(crate) struct Names {
    /// By lower case: how often a name was asked for.
    used: HashMap<String, usize>,
    /// The open scopes, joined by `/`; empty outside all.
    pub scope: String,
    /// The name that the next one gets that is asked for, whatever it asks for.
    pub given: Option<String>,
}

impl Names {
    /// A name that nobody has: `name` within the open scope, with `_1`, `_2`, ... behind it where it is
    /// taken. A name that ends in `/` is taken as it stands: the scope's own name.
    pub fn unique(&mut self, name: &str) -> Result<String> {
        let given = self.given.take();
        let name = given.as_deref().unwrap_or(name);
        self.check(name, "node")?;
        if let Some(exact) = name.strip_suffix('/') {
            self.used.entry(exact.to_lowercase()).or_insert(1);
            return Ok(exact.to_string());
        }
        Ok(self.number(name, true))
    }

    /// The name of a scope that is opened now: a new one, that of a scope that was open before where `name` ends
    /// in `/`, or none at all where it is empty.
    pub fn unique_scope(&mut self, name: &str) -> Result<String> {
        let given = self.given.take();
        let name = given.as_deref().unwrap_or(name);
        if name.is_empty() {
            return Ok(String::new());
        }
        self.check(name, "scope")?;
        Ok(match name.strip_suffix('/') {
            Some(exact) => exact.to_string(),
            None => self.number(name, true),
        })
    }

    fn check(&self, name: &str, of: &str) -> Result<()> {
        match is_valid(name, self.scope.is_empty()) {
            true => Ok(()),
            false => Err(Error::value(format!("'{name}' is not a valid {of} name"))
                .help("names are made of letters, digits and _ . - / \\ >, and begin with a letter, a digit or .")),
        }
    }

    /// `name` within the open scope, with `_1`, `_2`, ... behind it where it is taken; `mark` takes it.
    pub fn number(&mut self, name: &str, mark: bool) -> String {
        let name = match self.scope.as_str() {
            "" => name.to_string(),
            scope => format!("{scope}/{name}"),
        };
        let key = name.to_lowercase();
        let mut count = self.used.get(&key).copied().unwrap_or(0);
        if mark {
            self.used.insert(key.clone(), count + 1);
        }
        if count == 0 {
            return name;
        }
        while self.used.contains_key(&format!("{key}_{count}")) {
            count += 1;
        }
        if mark {
            self.used.insert(format!("{key}_{count}"), 1);
        }
        format!("{name}_{count}")
    }
}

fn is_valid(name: &str, outermost: bool) -> bool {
    let first =
        |c: char| c.is_ascii_alphanumeric() || c == '.' || (!outermost && "_\\/-".contains(c));
    let empty = name == "/" || name.contains("//");
    !empty
        && name.starts_with(first)
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.\\/>-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_tensorflow_does() {
        let mut names = Names::default();
        let mut next = |name| names.unique(name).unwrap();
        assert_eq!(next("conv2d_transpose"), "conv2d_transpose");
        assert_eq!(next("conv2d_transpose"), "conv2d_transpose_1");
        assert_eq!(next("Conv2D_transpose"), "Conv2D_transpose_2");
        assert_eq!(next("conv2d_transpose_1"), "conv2d_transpose_1_1");
        assert_eq!(next("a/"), "a");
    }

    #[test]
    fn refuses_what_tensorflow_refuses() {
        let mut names = Names::default();
        for bad in ["", "_x", "a b", "é", "/", "a:0"] {
            assert!(names.unique(bad).is_err(), "{bad:?}");
        }
        names.scope = "scope".into();
        assert_eq!(names.unique("_x").unwrap(), "scope/_x");
        assert!(
            ["/", "//", "a//"]
                .iter()
                .all(|bad| names.unique(bad).is_err())
        );
    }
}
