//! Who this process is, and whether another one on this machine still lives.

use std::path::Path;
use std::process;

use liftlock::state::Owner;

use crate::file;

/// This process, told by its CI run or by whoever started it.
#[must_use]
pub fn myself(run: String) -> Owner {
    let id = process::id().to_string();
    Owner {
        run,
        machine: machine(),
        process: format!("{id}.{}", start_time(&id).unwrap_or_default()),
    }
}

/// Whether an owner is known to be dead: it ran in this boot and process
/// namespace, and its process is gone or another. Of owners elsewhere nothing
/// is known, so they count as alive until their lease ends.
#[must_use]
pub fn is_dead(owner: &Owner) -> bool {
    if owner.machine.is_empty() || owner.machine != machine() {
        return false;
    }
    let Some((id, started)) = owner.process.split_once('.') else {
        return false;
    };
    match start_time(id) {
        Some(found) => found != started,
        None => !Path::new("/proc").join(id).exists(),
    }
}

/// Boot id and process namespace (proc(5)); empty where either is unknown.
fn machine() -> String {
    let boot = file::read_text(Path::new("/proc/sys/kernel/random/boot_id"), 100);
    let namespace = std::fs::read_link("/proc/self/ns/pid");
    match (boot, namespace) {
        (Ok(boot), Ok(namespace)) => format!("{} {}", boot.trim(), namespace.display()),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => String::new(),
    }
}

/// Field 22 of `/proc/PID/stat`: clock ticks between boot and the start of the
/// process. The name in field 2 may hold spaces and brackets. A process that
/// ended but was not collected yet (state Z or X) has none.
fn start_time(id: &str) -> Option<String> {
    let path = Path::new("/proc").join(id).join("stat");
    let text = file::read_text(&path, 4_096).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    match fields.next() {
        Some("Z" | "X") | None => Some("ended".to_owned()),
        Some(_) => fields.nth(18).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_alive_until_it_ends() {
        let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();
        let id = child.id().to_string();
        let owner = Owner {
            run: "test".to_owned(),
            machine: machine(),
            process: format!("{id}.{}", start_time(&id).unwrap()),
        };
        assert!(!is_dead(&owner));
        let elsewhere = Owner {
            machine: "another".to_owned(),
            ..owner.clone()
        };
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_dead(&owner));
        assert!(!is_dead(&elsewhere));
    }

    #[test]
    fn this_process_lives() {
        assert!(!is_dead(&myself("test".to_owned())));
    }
}
