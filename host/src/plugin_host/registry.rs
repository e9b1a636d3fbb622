//! Which plugins there are, and which name is whose.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use temps_plugin_schema::PluginManifest;

use super::hosted::HostedPlugin;

#[derive(Debug, Default)]
pub(super) struct Registry {
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    names: HashMap<String, Arc<HostedPlugin>>,
    files: BTreeMap<PathBuf, Arc<HostedPlugin>>,
}

impl Registry {
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plugin that has this name.
    pub(super) fn named(&self, name: &str) -> Option<Arc<HostedPlugin>> {
        self.read().names.get(name).cloned()
    }

    /// All plugins, in the order of their files.
    pub(super) fn all(&self) -> Vec<Arc<HostedPlugin>> {
        self.read().files.values().cloned().collect()
    }

    pub(super) fn of_file(&self, path: &Path) -> Option<Arc<HostedPlugin>> {
        self.read().files.get(path).cloned()
    }

    /// Enters the plugin of a file, in place of what the file was before. It has no name yet.
    pub(super) fn insert(&self, plugin: &Arc<HostedPlugin>) {
        self.write().files.insert(plugin.path().to_owned(), Arc::clone(plugin));
    }

    /// Takes a plugin out: nobody reaches it any more.
    pub(super) fn remove(&self, plugin: &Arc<HostedPlugin>) {
        let mut tables = self.write();
        tables.names.retain(|_, holder| !Arc::ptr_eq(holder, plugin));
        if tables.files.get(plugin.path()).is_some_and(|entered| Arc::ptr_eq(entered, plugin)) {
            tables.files.remove(plugin.path());
        }
    }

    /// Grants `plugin` the name in `manifest`, or says who has it. What is to replace another plugin
    /// gets its own name only by [`Registry::take_over`].
    pub(super) fn claim(
        &self,
        plugin: &Arc<HostedPlugin>,
        manifest: Arc<PluginManifest>,
    ) -> Result<(), String> {
        let mut tables = self.write();
        let name = manifest.name.clone();
        let holder = tables.names.get(&name);
        let displaced = match holder {
            Some(holder) if Arc::ptr_eq(holder, plugin) || plugin.replaces(holder) => None,
            Some(holder) if plugin.precedence(holder).is_lt() => Some(Arc::clone(holder)),
            Some(holder) => return Err(taken(&name, holder, plugin)),
            None => None,
        };
        if let Some(displaced) = displaced {
            displaced.supervisor().refuse(&taken(&name, plugin, &displaced));
            displaced.loses_its_name();
        }
        plugin.said(manifest);
        if plugin.is_in_place() {
            tables.grant(name, plugin);
        }
        Ok(())
    }

    /// Puts a plugin that runs in the place of the one it replaces. An error says who has its name.
    pub(super) fn take_over(&self, plugin: &Arc<HostedPlugin>) -> Result<(), String> {
        let mut tables = self.write();
        let name = plugin.name().ok_or("it has not said its name")?;
        let other = tables.names.get(&name).filter(|holder| !plugin.replaces(holder));
        if let Some(holder) = other {
            return Err(taken(&name, holder, plugin));
        }
        plugin.put_in_place();
        tables.names.retain(|_, holder| !plugin.replaces(holder));
        tables.grant(name, plugin);
        tables.files.insert(plugin.path().to_owned(), Arc::clone(plugin));
        Ok(())
    }
}

impl Tables {
    /// Makes `name` the one name of `plugin`.
    fn grant(&mut self, name: String, plugin: &Arc<HostedPlugin>) {
        self.names.retain(|_, holder| !Arc::ptr_eq(holder, plugin));
        self.names.insert(name, Arc::clone(plugin));
    }
}

fn taken(name: &str, holder: &HostedPlugin, refused: &HostedPlugin) -> String {
    let (holder, refused) = (holder.file().shown(), refused.file().shown());
    format!("two plugins are named {name:?}: {holder} has the name, {refused} is refused")
}
