//! What the programs of November 2026 left behind, as one file: path → text.

use std::collections::BTreeMap;
use std::fs;

use testkit::house::House;

/// Puts the sample into a house, whose keys are the same everywhere.
pub(crate) fn unpack(house: &House) {
    let files: BTreeMap<String, String> =
        serde_json::from_str(include_str!("sample-2026-11.json")).unwrap();
    for (name, text) in files {
        let path = house.path(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
