//! A pretend supervisor with job files, for the commands about configuration.

use crate::kit::{Folder, INITCTL, Ran, Server, Wire, initctl, run, status};
use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uphold_core::bytes::Strings;
use uphold_core::conf::{ConfError, Parser, Stanza};
use uphold_core::control::frame::PageWriter;
use uphold_core::control::{Refusal, Reply, Request};
use uphold_core::{Goal, State};

/// The answer to `show-config` for a job.
#[derive(Clone, Default)]
pub struct Job {
    emits: Vec<u8>,
    start_on: Vec<u8>,
    stop_on: Vec<u8>,
}

impl Job {
    pub fn read(&mut self, mut text: Vec<u8>) -> Result<(), ConfError> {
        let mut parser = Parser::new(&mut text);
        while let Some(stanza) = parser.next() {
            match stanza? {
                Stanza::StartOn(condition) => self.start_on = condition.0.to_vec(),
                Stanza::StopOn(condition) => self.stop_on = condition.0.to_vec(),
                Stanza::Manual => self.start_on.clear(),
                Stanza::Emits(events) => self.emits.extend_from_slice(events.0),
                _ => {}
            }
        }
        Ok(())
    }
}

/// All jobs by name, in the order of the list.
#[derive(Clone, Default)]
pub struct Jobs(pub BTreeMap<String, Job>);

impl Jobs {
    /// Parses job files, given by name (without .conf) and text.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let mut jobs = Jobs::default();
        for (name, text) in files {
            let mut job = Job::default();
            job.read(text.as_bytes().to_vec()).unwrap();
            jobs.0.insert((*name).into(), job);
        }
        jobs
    }

    /// Parses all job files of a directory. Files with mistakes are left out.
    pub fn load(folder: &Path) -> Self {
        let mut files = Vec::new();
        job_files(folder, &mut files);
        let mut jobs = Jobs::default();
        for file in files {
            let mut job = Job::default();
            let over = std::fs::read(file.with_extension("override")).unwrap_or_default();
            if job.read(std::fs::read(&file).unwrap()).and_then(|()| job.read(over)).is_ok() {
                let name = file.strip_prefix(folder).unwrap().with_extension("");
                jobs.0.insert(name.to_str().unwrap().into(), job);
            }
        }
        jobs
    }

    /// Runs `initctl ARGUMENTS` against a supervisor with these jobs.
    pub fn initctl(&self, arguments: &[&str]) -> Ran {
        let folder = Folder::new();
        let socket = folder.path("control");
        let jobs = Arc::new(self.0.clone());
        let server = Server::serving(UnixListener::bind(&socket).unwrap(), move |request, wire| {
            answer(&jobs, request, wire);
        });
        let result = run(initctl(INITCTL).args(arguments).arg("--socket").arg(&socket));
        server.end();
        result
    }
}

fn answer(jobs: &BTreeMap<String, Job>, request: Request<'_>, wire: &mut Wire) {
    match request {
        Request::List { from } => {
            let mut bytes = [0; 100];
            let mut page = PageWriter::new(&mut bytes);
            let mut next = from;
            for name in jobs.keys().skip(from as usize) {
                let name: &'static [u8] = name.clone().into_bytes().leak();
                if page.push(&status(name, b"", Goal::Stop, State::Waiting, &[])).is_err() {
                    assert!(!page.is_empty(), "a page has room for one");
                    break;
                }
                next += 1;
            }
            let next = Some(next).filter(|&next| (next as usize) < jobs.len());
            wire.send(&Reply::Page { next, statuses: page.finish() });
        }
        Request::ShowConfig { job } => match jobs.get(str::from_utf8(job).unwrap()) {
            Some(Job { emits, start_on, stop_on }) => {
                wire.send(&Reply::Config { emits: Strings(emits), start_on, stop_on });
            }
            None => wire.send(&Reply::Error(Refusal::UnknownJob(job))),
        },
        other => panic!("{other:?}"),
    }
}

fn job_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            job_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "conf") {
            files.push(path);
        }
    }
}
