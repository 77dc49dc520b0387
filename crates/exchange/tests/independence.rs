//! The venue must not share code with what it tests: its manifest names no crate of this workspace, and nothing at all at run time.

/// The lines of one table of the manifest.
fn table<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let after = manifest
        .lines()
        .skip_while(|line| line.trim() != format!("[{name}]"))
        .skip(1);
    after
        .take_while(|line| !line.trim_start().starts_with('['))
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .collect()
}

#[test]
fn the_venue_depends_on_nothing_of_ours() {
    let manifest = include_str!("../Cargo.toml");
    assert_eq!(table(manifest, "dependencies"), Vec::<&str>::new());
    let tests = table(manifest, "dev-dependencies");
    assert!(
        tests.iter().all(|line| !line.contains("phoenix")),
        "{tests:?}"
    );
    assert!(!manifest.contains("build-dependencies") && !manifest.contains("[target."));
    assert!(!manifest.contains("path ="));
}
