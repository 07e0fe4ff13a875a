//! The built programs. Cargo builds the programs of a package for its own tests only, so this kit runs Cargo for them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The paths of the programs.
#[derive(Debug)]
pub struct Programs {
    /// `init`.
    pub init: PathBuf,
    /// `initctl`.
    pub initctl: PathBuf,
}

/// Builds the programs with the profile and the target of the running test.
pub fn built() -> &'static Programs {
    static BUILT: OnceLock<Programs> = OnceLock::new();
    BUILT.get_or_init(|| {
        let place = Place::of_this_test();
        // Cargo locks the target directory, so only one build runs at a time.
        let mut command = cargo(&place.root);
        command.args(["--workspace", "--bin", "init", "--bin", "initctl", "--profile", place.profile()]);
        if let Some(target) = &place.target {
            command.args(["--target", target]);
        }
        build(command);
        Programs { init: place.directory.join("init"), initctl: place.directory.join("initctl") }
    })
}

/// `init` with events that make it crash.
pub fn planted_init() -> PathBuf {
    // Features of one build would change the other in the same directory.
    let root = target_directory().join("planted");
    let mut command = cargo(&root);
    command.args(["-p", "uphold-linux", "--bin", "init", "--features", "planted-crash"]);
    build(command);
    root.join("debug/init")
}

/// `init` as built for an appliance image, if the tools for that are installed.
pub fn appliance_init() -> Option<PathBuf> {
    let mut command = Command::new(workspace().join("tools/build-static"));
    command.current_dir(workspace()).arg(target_directory().join("appliance"));
    let output = command.output().ok().filter(|output| output.status.success())?;
    let directory = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some(PathBuf::from(directory).join("init"))
}

/// An optimised, statically linked `init`, which any toolchain can build.
pub fn static_init() -> PathBuf {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let root = target_directory().join("static");
    let mut command = cargo(&root);
    command.env("RUSTFLAGS", "-Ctarget-feature=+crt-static").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.args(["-p", "uphold-linux", "--bin", "init", "--release", "--target", &target]);
    build(command);
    root.join(target).join("release/init")
}

/// The path of an installed program, also of one in a directory for root.
pub fn installed(program: &str) -> Option<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&own).chain(usual).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// The target directory of the running test.
pub fn target_directory() -> PathBuf {
    Place::of_this_test().root
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace")
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).args(["build", "--quiet", "--target-dir"]).arg(root);
    command
}

fn build(mut command: Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// The location of the running test, or of a program of this package: `ROOT/[TARGET/]PROFILE/[deps/]TEST`.
struct Place {
    root: PathBuf,
    target: Option<String>,
    directory: PathBuf,
}

impl Place {
    fn of_this_test() -> Place {
        let test = std::env::current_exe().expect("a program knows its own path");
        let directory = test.parent().expect("cargo has put it there");
        let directory = if directory.ends_with("deps") { directory.parent() } else { Some(directory) };
        let directory = directory.expect("profiles have directories").to_owned();
        let above = directory.parent().expect("profiles are below the target directory");
        // Cargo writes this file to the target directory itself.
        match above.parent().filter(|root| !above.join(INFO).exists() && root.join(INFO).exists()) {
            Some(root) => {
                let target = above.file_name().map(|name| name.to_string_lossy().into_owned());
                Place { root: root.to_owned(), target, directory }
            }
            None => Place { root: above.to_owned(), target: None, directory },
        }
    }

    fn profile(&self) -> &str {
        match self.directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        }
    }
}

const INFO: &str = ".rustc_info.json";
