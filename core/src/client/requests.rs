//! Requests of the control protocol: the clients that may send each, and the effect of each. One table has a row for
//! every request.

use crate::bytes::Strings;
use crate::control::frame::{self, Broken, Outbox, PageWriter};
use crate::control::{PROTOCOL, Refusal, Reply, Request};
use crate::environment::Variable;
use crate::ids::{ClassId, ClientId, JobId};
use crate::input::{EnvChange, Input, JobCommand};
use crate::machine::Supervisor;
use crate::notice::Priority;
use crate::target::{EnvTable, Select, Target};

/// The text that `initctl version` prints: the version that job files and scripts are written for.
const VERSION: &[u8] = b"init (upstart 1.13.2)";

const HELLO: Reply<'static> = Reply::Hello { protocol: PROTOCOL };

/// One end of a connection: the client, and what it may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Peer {
    /// The client.
    pub client: ClientId,
    /// Whether the client may change anything. Every client may ask about jobs.
    pub trusted: bool,
    /// Whether the client has sent [`Request::Hello`], which comes first on a connection.
    /// [`respond`](Supervisor::respond) sets it.
    pub greeted: bool,
}

/// The facts about the program around the supervisor on which replies depend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Host {
    /// The priority that a message needs to reach the log.
    pub log_priority: Priority,
    /// Whether the supervisor is a user session's. The system's supervisor changes no environments and ends no session.
    pub session: bool,
}

/// The action of the program around the supervisor on a request.
#[derive(PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Response<'a, 'r> {
    /// Send the client this reply.
    Reply(Reply<'a>),
    /// Give the supervisor this input. The reply follows as [`Effect::Reply`](crate::Effect::Reply), at once or later;
    /// until then the client may send no other request.
    Input(Input<'r>),
    /// Do what only the program around the supervisor can do, and send the client a reply: [`Reply::Done`], or a
    /// refusal.
    World(WorldRequest),
}

/// A request that concerns the program around the supervisor rather than its jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WorldRequest {
    /// Reply with [`Supervisor::why`] of this class and instance, to which only the program around the supervisor can
    /// add what has happened, and when.
    Why(ClassId, Option<JobId>),
    /// Load all job files again.
    ReloadConfiguration,
    /// Log messages of this priority and above from now on.
    SetLogPriority(Priority),
    /// Write the output of jobs that was kept while the disk could not be written.
    WriteKeptOutput,
    /// End the session: give the supervisor [`Input::Logout`].
    EndSession,
    /// Run the supervisor's program again, with its whole state.
    Reexecute,
    /// Send the client the [news](crate::control::news) from now on.
    Monitor,
    /// Reply with the part of the image that begins at this byte ([`Supervisor::save_part`]), or with
    /// [`Refusal::Busy`].
    Image(u32),
    /// Reply with the program's last messages from this place on, which only it has.
    Messages(u64),
    /// Reply with the page of the [record of the boot](crate::control::boot) that begins at this entry. Only the
    /// program around the supervisor has one.
    Boot(u32),
}

impl Refusal<'_> {
    /// The reply instead of one that no message, or no buffer, can hold.
    pub const TOO_LONG: Refusal<'static> = Refusal::Full("length of a message");
}

/// The clients that a request is accepted from.
#[derive(Clone, Copy)]
enum Access {
    /// All.
    Anyone,
    /// Trusted ones.
    Trusted,
    /// Trusted ones of a session's supervisor. The system's supervisor refuses with this.
    Session(Refusal<'static>),
}

/// The supervisor's action on a request.
enum Action<'r> {
    /// The reply is always this one.
    Say(Reply<'static>),
    /// The reply depends on the program around the supervisor.
    OfHost(fn(Host) -> Reply<'static>),
    /// The reply is the status of an instance.
    Status(Target<'r>),
    /// The reply is about an instance and its past.
    Why(Target<'r>),
    /// The reply is what this client waits for.
    Explain(ClientId),
    /// The reply is about the class of this name.
    OfClass(for<'a, 's> fn(&'a Supervisor<'s>, ClassId) -> Reply<'a>, &'r [u8]),
    /// The reply is a page of the list of jobs.
    List(u32),
    /// The reply is a page of an environment.
    Variables(EnvTable<'r>, u32),
    /// The reply is the value of a variable.
    Variable(EnvTable<'r>, &'r [u8]),
    /// The supervisor acts, and replies.
    Input(Input<'r>),
    /// The program around the supervisor acts, and replies.
    World(WorldRequest),
}

/// Everything that is decided about a request before anything is done.
struct Row<'r> {
    access: Access,
    action: Action<'r>,
    /// Whether each list in the request ends with NUL, and no text that becomes an entry of a list contains one.
    well_formed: bool,
}

/// The row of a request.
///
/// Every client may ask about jobs. Environments are private, and every other request changes something.
#[rustfmt::skip]
fn row<'r>(request: &Request<'r>, client: ClientId) -> Row<'r> {
    use Access::{Anyone, Session, Trusted};
    use Action::{Explain, List, OfClass, OfHost, Say, Status, Variable, Variables, Why, World};
    use EnvChange::{Reset, Set, Unset};
    use JobCommand::{Force, Reload, Restart, Start, Stop};
    use {Request as R, WorldRequest as W};
    let env = Session(Refusal::NotInSystem);
    let bus = Session(Refusal::NoBusInSystem);
    let end = Session(Refusal::PermissionDenied);
    let command = |command, target, wait| Action::Input(Input::Command { client, command, target, wait });
    let emit = |event, environment, wait| Action::Input(Input::Emit { client: Some(client), event, environment, wait });
    let change = |table, change| Action::Input(Input::ChangeEnv { client, table, change });
    let set = |table, entry, replace| change(table, Set { entry, replace });
    let list = |environment: Strings<'_>| environment.is_well_formed();
    let fine = |target: Target<'_>| match target.select {
        Select::Environment(environment) => list(environment),
        Select::Name(_) => true,
    };
    let plain = |bytes: &[u8]| !bytes.contains(&0);
    let row = |access, action, well_formed| Row { access, action, well_formed };
    match *request {
        //                                          from     what happens                    well formed
        R::Hello { protocol: _ }             => row(Anyone,  Say(HELLO),                     true),
        R::Version                           => row(Anyone,  Say(Reply::Text(VERSION)),      true),
        R::Status { target }                 => row(Anyone,  Status(target),                 fine(target)),
        R::Why { target }                    => row(Anyone,  Why(target),                    fine(target)),
        R::List { from }                     => row(Anyone,  List(from),                     true),
        R::Usage { job }                     => row(Anyone,  OfClass(usage, job),            true),
        R::ShowConfig { job }                => row(Anyone,  OfClass(config, job),           true),
        R::Boot { from }                     => row(Anyone,  World(W::Boot(from)),           true),
        R::LogPriority                       => row(Anyone,  OfHost(log_priority),           true),
        R::Identify                          => row(Anyone,  Say(Reply::Client(client)),     true),
        R::Explain { client }                => row(Trusted, Explain(client),                true),
        R::Start { target, wait }            => row(Trusted, command(Start, target, wait),   fine(target)),
        R::Stop { target, wait }             => row(Trusted, command(Stop, target, wait),    fine(target)),
        R::Force { target, wait }            => row(Trusted, command(Force, target, wait),   fine(target)),
        R::Restart { target, wait }          => row(Trusted, command(Restart, target, wait), fine(target)),
        R::Reload { target }                 => row(Trusted, command(Reload, target, false), fine(target)),
        R::Emit { event, environment, wait } => row(Trusted, emit(event, environment, wait), list(environment)),
        R::ListEnvironment { table, from }   => row(Trusted, Variables(table, from),         true),
        R::GetEnvironment { table, name }    => row(Trusted, Variable(table, name),          true),
        R::SetEnvironment { table, entry, replace }
                                             => row(env,     set(table, entry, replace),     plain(entry)),
        R::UnsetEnvironment { table, name }  => row(env,     change(table, Unset { name }),  plain(name)),
        R::ResetEnvironment { table }        => row(env,     change(table, Reset),           true),
        R::ReloadConfiguration               => row(Trusted, World(W::ReloadConfiguration),  true),
        R::SetLogPriority(it)                => row(Trusted, World(W::SetLogPriority(it)),   true),
        R::NotifyDiskWriteable               => row(Trusted, World(W::WriteKeptOutput),      true),
        R::NotifyDbusAddress(_)              => row(bus,     Say(Reply::Done),               true),
        R::NotifyCgroupManagerAddress(_)     => row(Trusted, Say(Reply::Done),               true),
        R::EndSession                        => row(end,     World(W::EndSession),           true),
        R::Reexecute                         => row(Trusted, World(W::Reexecute),            true),
        R::Monitor                           => row(Trusted, World(W::Monitor),              true),
        R::Messages { from }                 => row(Trusted, World(W::Messages(from)),       true),
        R::Image { from }                    => row(Trusted, World(W::Image(from)),          true),
    }
}

/// Any client, for what a row says without naming the client.
const ANY_CLIENT: ClientId = ClientId { slot: 0, generation: 0 };

impl<'r> Request<'r> {
    /// The request in a message. The lists in it are well-formed.
    ///
    /// # Errors
    /// [`Broken::Malformed`]: the bytes are not a request. Send [`Refusal::Malformed`], and close the connection.
    pub fn decode(message: &'r [u8]) -> Result<Request<'r>, Broken> {
        frame::decode(message).and_then(|request| {
            if row(&request, ANY_CLIENT).well_formed { Ok(request) } else { Err(Broken::Malformed) }
        })
    }

    /// Whether the client wants no reply before the goal is reached or the event is finished, or replies without end. A
    /// program that limits the clients that wait refuses such a request instead of passing it to
    /// [`respond`](Supervisor::respond).
    pub fn waits(&self) -> bool {
        if *self == Request::Monitor {
            return true;
        }
        matches!(self.input(ANY_CLIENT), Some(Input::Command { wait: true, .. } | Input::Emit { wait: true, .. }))
    }

    /// The input that the request of this client is, if it is one for the supervisor. For a program that reads the
    /// request a second time, when it gives the input that [`respond`](Supervisor::respond) announced.
    pub fn input(&self, client: ClientId) -> Option<Input<'r>> {
        match row(self, client).action {
            Action::Input(input) => Some(input),
            _ => None,
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Outbox<B> {
    /// Queues a reply, or, if that is too long for the buffer, [`Refusal::TOO_LONG`]. The outbox should be empty.
    ///
    /// # Errors
    /// [`Broken::TooLarge`]: there is no room for the refusal either.
    pub fn put_reply(&mut self, reply: &Reply<'_>) -> Result<(), Broken> {
        self.put(reply).or_else(|_| self.put(&Reply::Error(Refusal::TOO_LONG)))
    }
}

impl<'s> Supervisor<'s> {
    /// Considers a client's request, and says what the program around the supervisor is to do. Nothing has been changed
    /// by then.
    ///
    /// `page` is memory for a reply that has to be put together: a page of a list. [`MAX_PAGE`](frame::MAX_PAGE) bytes
    /// are as much as it can use. A page fits into the outbox if it is shorter than the outbox's buffer by
    /// [`HEADER`](frame::HEADER) and [`PAGE_OVERHEAD`](frame::PAGE_OVERHEAD).
    ///
    /// ```
    /// use uphold_core::control::frame::{HEADER, Inbox, Outbox, PAGE_OVERHEAD, read_frame, write_frame};
    /// use uphold_core::control::{PROTOCOL, Refusal, Reply, Request};
    /// use uphold_core::{ClientId, Effect, Host, Instant, Peer, Priority, Response, Supervisor};
    ///
    /// /// Serves one request, which has arrived whole.
    /// fn serve(
    ///     supervisor: &mut Supervisor<'_>,
    ///     now: Instant,
    ///     peer: &mut Peer,
    ///     inbox: &mut Inbox<&mut [u8]>,
    ///     outbox: &mut Outbox<&mut [u8]>,
    /// ) {
    ///     let host = Host { log_priority: Priority::Message, session: false };
    ///     let mut page = [0; 256 - HEADER - PAGE_OVERHEAD];
    ///     let Ok(Some(message)) = inbox.message() else { return };
    ///     let mut input = None;
    ///     let queued = match Request::decode(message) {
    ///         Err(_) => outbox.put_reply(&Reply::Error(Refusal::Malformed)),
    ///         Ok(request) => match supervisor.respond(&request, peer, host, &mut page) {
    ///             Response::Reply(reply) => outbox.put_reply(&reply),
    ///             Response::Input(its) => Ok(input = Some(its)),
    ///             // This world has no job files to load again, and no program to run again.
    ///             Response::World(_) => outbox.put_reply(&Reply::Error(Refusal::PermissionDenied)),
    ///         },
    ///     };
    ///     queued.expect("an outbox of 256 bytes has room for any refusal");
    ///     if let Some(input) = input {
    ///         supervisor.handle(now, input);
    ///     }
    ///     inbox.discard();
    /// }
    ///
    /// type Mine = uphold_core::storage! { classes: 1, jobs: 1 };
    /// let mut storage = Mine::new();
    /// let mut supervisor = storage.supervisor();
    /// let mut peer = Peer { client: ClientId { slot: 0, generation: 0 }, trusted: true, greeted: false };
    /// let (mut lent, mut also_lent, mut wire, mut frame) = ([0; 256], [0; 256], [0; 256], [0; 256]);
    /// let (mut inbox, mut outbox) = (Inbox::new(&mut lent[..]), Outbox::new(&mut also_lent[..]));
    ///
    /// let event = Request::Emit { event: b"boot", environment: Default::default(), wait: true };
    /// for request in [Request::Hello { protocol: PROTOCOL }, event] {
    ///     write_frame(&mut &mut wire[..], &request, &mut frame).unwrap();
    ///     inbox.fill(&mut &wire[..]).unwrap();
    ///     serve(&mut supervisor, Instant(0), &mut peer, &mut inbox, &mut outbox);
    ///     inbox.clear();
    ///     while let Some(effect) = supervisor.poll_effect() {
    ///         if let Effect::Reply { client, answer } = effect {
    ///             assert_eq!(client, peer.client);
    ///             outbox.put_reply(&supervisor.reply(answer)).unwrap();
    ///         }
    ///     }
    /// }
    /// let mut sent = outbox.bytes();
    /// assert_eq!(read_frame(&mut sent, &mut frame).unwrap(), [0, PROTOCOL as u8]);
    /// assert_eq!(uphold_core::control::frame::decode(read_frame(&mut sent, &mut frame).unwrap()), Ok(Reply::Done));
    /// ```
    // Not inlined: the frames of its callers stay small.
    #[inline(never)]
    pub fn respond<'a, 'r: 'a>(
        &'a mut self,
        request: &Request<'r>,
        peer: &mut Peer,
        host: Host,
        page: &'a mut [u8],
    ) -> Response<'a, 'r> {
        let refused = |refusal| Response::Reply(Reply::Error(refusal));
        let Row { access, action, well_formed } = row(request, peer.client);
        peer.greeted |= well_formed && matches!(request, Request::Hello { .. });
        if !(well_formed && peer.greeted) {
            return refused(Refusal::Malformed);
        }
        match access {
            Access::Anyone => {}
            _ if !peer.trusted => return refused(Refusal::PermissionDenied),
            Access::Session(refusal) if !host.session => return refused(refusal),
            Access::Trusted | Access::Session(_) => {}
        }
        Response::Reply(match action {
            Action::Say(reply) => reply,
            Action::OfHost(tell) => tell(host),
            Action::Status(target) => self.status(target).map_or_else(Reply::Error, Reply::Job),
            Action::Why(target) => match self.asked_about(target) {
                Ok((class, job)) => return Response::World(WorldRequest::Why(class, job)),
                Err(denial) => Reply::Error(self.refusal(denial)),
            },
            Action::Explain(client) => self.explain_client(client).map_or(Reply::Done, Reply::Waiting),
            Action::OfClass(tell, job) => match self.find_class(job) {
                Some(class) => tell(self, class),
                None => Reply::Error(if job.is_empty() { Refusal::EmptyName } else { Refusal::UnknownJob(job) }),
            },
            Action::List(from) => jobs(self, from, page),
            Action::Variables(table, from) => variables(self, table, from, page),
            Action::Variable(table, name) => self.get_variable(table, name).map_or_else(Reply::Error, Reply::Text),
            Action::Input(input) => return Response::Input(input),
            Action::World(request) => return Response::World(request),
        })
    }
}

fn log_priority(host: Host) -> Reply<'static> {
    Reply::Priority(host.log_priority)
}

fn usage<'a>(supervisor: &'a Supervisor<'_>, class: ClassId) -> Reply<'a> {
    Reply::Text(supervisor.usage(class))
}

fn config<'a>(supervisor: &'a Supervisor<'_>, class: ClassId) -> Reply<'a> {
    let (start_on, stop_on) = supervisor.conditions(class);
    Reply::Config { emits: supervisor.emits(class), start_on: start_on.0, stop_on: stop_on.0 }
}

// Not inlined: the frame of `respond` stays small.
#[inline(never)]
fn jobs<'a>(supervisor: &Supervisor<'_>, from: u32, page: &'a mut [u8]) -> Reply<'a> {
    let mut writer = PageWriter::new(page);
    let mut cursor = from;
    for (status, after) in supervisor.statuses(from) {
        if writer.push(&status).is_err() {
            // The next page would stop at the same place.
            let is_stuck = writer.is_empty();
            let page = Reply::Page { next: Some(cursor), statuses: writer.finish() };
            return if is_stuck { Reply::Error(Refusal::TOO_LONG) } else { page };
        }
        cursor = after;
    }
    Reply::Page { next: None, statuses: writer.finish() }
}

// Not inlined: the frame of `respond` stays small.
#[inline(never)]
fn variables<'a>(supervisor: &'a mut Supervisor<'_>, table: EnvTable<'a>, from: u32, page: &'a mut [u8]) -> Reply<'a> {
    let entries = match supervisor.variables(table) {
        Ok(entries) => entries,
        Err(refusal) => return Reply::Error(refusal),
    };
    let mut writer = PageWriter::new(page);
    for (place, Variable(name, rest)) in (0..).zip(entries).skip(from as usize) {
        if writer.push_entry(name, rest).is_err() {
            // The next page would stop at the same place.
            let is_stuck = writer.is_empty();
            let page = Reply::Variables { next: Some(place), entries: Strings(writer.finish()) };
            return if is_stuck { Reply::Error(Refusal::TOO_LONG) } else { page };
        }
    }
    Reply::Variables { next: None, entries: Strings(writer.finish()) }
}
