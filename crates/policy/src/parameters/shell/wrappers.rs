//! Programs that run other programs, and options that make programs do so.

/// Programs that run what they are given: shells, interpreters, debuggers, editors and pagers with a
/// way out to a shell, schedulers, and those that change who runs something.
const RUN_OTHERS: &str = "
    sh bash dash zsh ksh mksh fish csh tcsh ash rbash busybox toybox
    cmd powershell pwsh wscript cscript mshta rundll32 regsvr32 wmic certutil bitsadmin msiexec
    forfiles start env xargs parallel nohup nice ionice setsid stdbuf unbuffer timeout time watch
    flock chroot unshare nsenter setpriv capsh sudo su doas runuser pkexec gosu exec eval command
    builtin source . coproc trap script expect screen tmux at batch crontab systemd-run systemctl
    launchctl ssh telnet nc ncat netcat socat rsh rexec mosh python pypy ipython perl ruby irb node
    nodejs deno bun php lua luajit tclsh wish osascript awk gawk mawk nawk julia rscript groovy
    jshell scala gdb lldb strace ltrace valgrind vi vim nvim view emacs nano ed ex less more man npx
    pnpx bunx uvx pipx make gmake ninja lxc virsh vagrant ansible salt run-parts start-stop-daemon
    insmod modprobe logrotate ftp sftp lftp mail mailx sqlite3 psql mysql mariadb mongo mongosh m4 dc
    entr inotifywait runcon proot firejail bwrap catchsegv eatmydata faketime torsocks proxychains
    dbus-send gdbus xdg-open open alias choom taskset numactl prlimit chrt cpulimit logsave
    ld-linux-x86-64.so.2 ld.so";

/// What makes a program run others: its options, or the first words of its own language.
const OPTIONS: &[(&str, &str)] = &[
    (
        "find",
        "-exec -execdir -ok -okdir -fprint -fprint0 -fprintf -fls",
    ),
    ("fd", "-x -X --exec --exec-batch"),
    ("fdfind", "-x -X --exec --exec-batch"),
    ("rg", "--pre --hostname-bin"),
    (
        "git",
        "-c --config-env --exec-path --upload-pack --receive-pack --exec --extcmd --ext-diff \
         --textconv --open-files-in-pager --template bisect filter-branch difftool mergetool daemon",
    ),
    ("hg", "--config --debugger"),
    ("svn", "--config-option --editor-cmd --diff-cmd --diff3-cmd"),
    (
        "tar",
        "--checkpoint-action --to-command --use-compress-program -I --info-script \
         --new-volume-script -F --rsh-command --rmt-command",
    ),
    ("bsdtar", "--use-compress-program"),
    ("zip", "-TT --test-command --unzip-command"),
    ("cpio", "--rsh-command"),
    ("rsync", "-e --rsh --rsync-path"),
    ("scp", "-o -S -F -D"),
    ("ssh-keygen", "-D"),
    ("ssh-add", "-S"),
    ("curl", "-K --config --engine"),
    ("wget", "--use-askpass -e --execute --config"),
    ("sort", "--compress-program"),
    ("split", "--filter"),
    ("nmap", "--script --interactive"),
    ("tcpdump", "-z"),
    ("pip", "--index-url -i --extra-index-url --global-option"),
    ("npm", "exec x explore --script-shell"),
    ("yarn", "dlx exec node"),
    ("pnpm", "dlx exec"),
    ("go", "generate -toolexec -exec -vettool"),
    ("cargo", "--config"),
    ("mvn", "exec:java exec:exec"),
    ("gradle", "-I --init-script"),
    ("ip", "netns vrf -batch -b"),
    ("apt", "-o"),
    ("apt-get", "-o --option"),
    ("yum", "--setopt"),
    ("dnf", "--setopt"),
    ("docker", "run exec build compose cp plugin"),
    ("podman", "run exec build compose cp unshare"),
    (
        "kubectl",
        "exec run debug attach edit plugin cp --kubeconfig",
    ),
    ("terraform", "apply destroy console"),
    ("helm", "plugin --post-renderer"),
    ("openssl", "-engine engine -provider-path"),
    ("gcc", "-wrapper -fplugin"),
    ("cc", "-wrapper -fplugin"),
    ("rustc", "-C --codegen"),
    ("mount", "-o"),
    ("dpkg", "-i --install --pre-invoke --post-invoke"),
    ("rpm", "--eval -E --pipe --define"),
    (
        "chromium",
        "--gpu-launcher --renderer-cmd-prefix --utility-cmd-prefix",
    ),
    (
        "google-chrome",
        "--gpu-launcher --renderer-cmd-prefix --utility-cmd-prefix",
    ),
    ("code", "--install-extension"),
    (
        "pandoc",
        "-F --filter -L --lua-filter --pdf-engine --defaults",
    ),
    ("redis-cli", "--eval"),
    ("sendmail", "-O -X -C"),
    ("watchexec", "--"),
];

/// The name by which a program is known here: lower case, without folders, `.exe` and versions.
pub(super) fn known_name(command: &str) -> String {
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
    let name = name.to_ascii_lowercase();
    let name = [".exe", ".com", ".bat", ".cmd"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(&name);
    if runs_others(name) || OPTIONS.iter().any(|(program, _)| *program == name) {
        return name.to_owned();
    }
    let stem = name.trim_end_matches(|last: char| last.is_ascii_digit() || ".-".contains(last));
    stem.to_owned()
}

/// Whether a program runs what it is given.
pub(super) fn runs_others(known: &str) -> bool {
    RUN_OTHERS.split_whitespace().any(|name| name == known)
}

/// The first argument that makes a program run others.
pub(super) fn running_option<'a>(known: &str, arguments: &'a [String]) -> Option<&'a str> {
    let mut arguments = arguments.iter().map(String::as_str);
    match known {
        "sed" => return arguments.find(|argument| !is_plain_for_sed(argument)),
        "git" => {
            let clones = arguments.clone().any(|argument| argument == "clone");
            let runs = |argument: &&str| {
                argument.starts_with("ext::") || (clones && argument.starts_with("-u"))
            };
            if let Some(found) = arguments.clone().find(runs) {
                return Some(found);
            }
        }
        _ => {}
    }
    let (_, options) = OPTIONS.iter().find(|(program, _)| *program == known)?;
    arguments.find(|argument| {
        options
            .split_whitespace()
            .any(|option| is_option(option, argument))
    })
}

/// Whether an argument is this option, with or without its value, or cut short as GNU allows.
fn is_option(option: &str, argument: &str) -> bool {
    let (name, value) = match argument.split_once('=') {
        Some((name, _)) => (name, true),
        None => (argument, false),
    };
    if argument == option || (value && name == option) {
        return true;
    }
    if option.starts_with("--") {
        return name.len() > 4 && option.starts_with(name);
    }
    // A single letter takes its value at once: `-ccore.pager=x`.
    option.len() == 2 && option.starts_with('-') && argument.starts_with(option)
}

/// `sed` runs programs from within its scripts; only lines to print or drop, one substitution
/// without such an order, options without a script and files are plain.
fn is_plain_for_sed(argument: &str) -> bool {
    if argument.starts_with('-') {
        return [
            "-n", "-E", "-r", "-s", "-u", "-i", "--quiet", "--silent", "--posix",
        ]
        .contains(&argument);
    }
    let symbols = argument.strip_prefix('s').unwrap_or_default();
    if let Some(delimiter @ ('/' | '|' | '#' | ',' | ':' | '@')) = symbols.chars().next() {
        let mut parts = symbols.split(delimiter);
        let flags = parts.next_back().unwrap_or_default();
        return parts.count() == 3 && flags.chars().all(|flag| "gpiI0123456789".contains(flag));
    }
    let is_file = argument.contains('.') || argument.starts_with('/');
    let is_range = argument
        .chars()
        .all(|symbol| symbol.is_ascii_digit() || "$,pdq".contains(symbol));
    is_range
        || (is_file && !argument.contains(char::is_whitespace))
        || argument
            .chars()
            .all(|symbol| symbol.is_ascii_alphanumeric() || "_-".contains(symbol))
            && argument.len() > 2
}
