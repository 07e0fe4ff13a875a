# Adapter: how the scenario runner launches Uphold's init, and how a client reaches it.
# Sourced by the runner on both sides; see its README for the variables.

adapter_exec() {
  local ev=--no-startup-event
  case "$STARTUP_EVENT" in '') ;; default) ev= ;; *) ev="--startup-event $STARTUP_EVENT" ;; esac
  local mode=
  [ "$MODE" = user ] && mode=--user
  exec env -u SHLVL "$INIT_BIN" $mode $ev --confdir "$CONFDIR" --logdir "$LOGDIR" $INIT_ARGS
}

adapter_initctl() { printf '%s\n' "$INITCTL_BIN"; }

adapter_client_env() {
  case "$MODE" in user) cat "$RUNDIR"/upstart/sessions/*.session 2>/dev/null ;; esac
}

adapter_ready() {
  case "$MODE" in
    user) [ -s "$RUNDIR"/upstart/sessions/*.session ] || return 1
          UPSTART_SESSION=$(sed -n 's/^UPSTART_SESSION=//p' "$RUNDIR"/upstart/sessions/*.session) \
            "$INITCTL_BIN" version >/dev/null 2>&1 ;;
    *)    "$INITCTL_BIN" version >/dev/null 2>&1 ;;
  esac
}

adapter_init_pid() {
  case "$MODE" in
    user) ls "$RUNDIR"/upstart/sessions/ | sed -n 's/\.session$//p' | head -n 1 ;;
    *) echo 1 ;;
  esac
}

adapter_reexec() {
  case "$MODE" in
    system) "$(dirname "$INITCTL_BIN")/telinit" u ;;
    user) "$INITCTL_BIN" restart-init ;;
  esac
}

adapter_end_session() { "$INITCTL_BIN" end-session; }
