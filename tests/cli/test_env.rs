//! A home folder of its own for each test, an environment with nothing else in it, and output made constant.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A place to run the program in.
pub struct TestEnv {
    root: TempDir,
    variables: Vec<(String, String)>,
}

impl TestEnv {
    /// Makes an empty home and an empty working folder.
    pub fn new() -> Self {
        let root = TempDir::new().unwrap();
        for folder in ["home", "work"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self {
            root,
            variables: Vec::new(),
        }
    }

    /// Adds a variable for all commands that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file below the working folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Reads a file below the working folder.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.work().join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Returns the working folder.
    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Returns the home folder.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Prepares a command in the working folder, with a cleared environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("setlist"));
        command
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SETLIST_NOW", "2026-11-22T10:00:00Z")
            .env("COLUMNS", "100")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(args)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command and returns its exit code and all it said, made constant.
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        self.shown(&output)
    }

    /// Runs a command that must end with this exit code; returns what it wrote to standard output.
    pub fn run_ok(&self, code: i32, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}\n{}",
            self.shown(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Lays out exit code, standard output and standard error as one text, made constant.
    pub fn shown(&self, output: &Output) -> String {
        let stdout = self.made_constant(&String::from_utf8_lossy(&output.stdout));
        let stderr = self.made_constant(&String::from_utf8_lossy(&output.stderr));
        let code = output
            .status
            .code()
            .map_or("signal".to_owned(), |code| code.to_string());
        format!("exit: {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }

    fn made_constant(&self, text: &str) -> String {
        let replace =
            |text: String, path: &Path, name: &str| text.replace(path.to_str().unwrap(), name);
        let text = replace(text.to_owned(), &self.work(), "$WORK");
        let text = replace(text, &self.home(), "$HOME");
        let mut constant = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = find_run_id(rest) {
            constant.push_str(&rest[..at]);
            constant.push_str("$RUN");
            rest = &rest[at + UUID_LENGTH..];
        }
        constant.push_str(rest);
        constant
    }
}

const UUID_LENGTH: usize = 36;

fn find_run_id(text: &str) -> Option<usize> {
    let is_uuid = |candidate: &[u8]| {
        candidate.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            14 => *byte == b'7',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    text.as_bytes().windows(UUID_LENGTH).position(is_uuid)
}
