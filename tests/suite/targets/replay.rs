//! All seeds and cases of `fuzz/`.

use std::path::Path;

use super::{TARGETS, run};

#[test]
fn seeds_and_cases_hold() {
    for (target, _) in TARGETS {
        let mut inputs = 0;
        for kind in ["seeds", "cases"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target);
            // There need not be a case.
            let Ok(files) = std::fs::read_dir(folder) else { continue };
            for file in files {
                let path = file.expect("a file").path();
                // Shown when the test fails.
                println!("{}", path.display());
                run(target, &std::fs::read(path).expect("readable"));
                inputs += 1;
            }
        }
        assert!(inputs > 0, "no seeds for {target}");
    }
}
