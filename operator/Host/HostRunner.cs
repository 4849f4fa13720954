using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Channels;
using Mooring.Contracts.Handover;
using Mooring.Contracts.Processes;
using Mooring.Operator.AdminApi;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host.Output;
using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Host;

/// <summary>One run of host mode, from the manifest to the last child's end.</summary>
internal static class HostRunner
{
    // sockaddr_un has room for 108 bytes with the final zero.
    private const int MaxSocketPath = 107;

    // With the process id that a gateway's own socket has while it is made.
    private const string LongestSocketName = "handover-9999-999999.sock.4194304";
    private const string StreamSocketName = "stream.sock";

    // .NET has no name for it; Linux' number on x86-64 and arm64.
    private const PosixSignal User2 = (PosixSignal)12;

    // timeout(1) and some terminals signal both the process and its group.
    private static readonly TimeSpan SameSignal = TimeSpan.FromMilliseconds(300);

    /// <summary>Runs until a signal, or the token, ends it.</summary>
    /// <returns>0 after an orderly end, 1 when it could not start, 2 when the manifest is not good.</returns>
    public static async Task<int> RunAsync(HostOptions options, HostOutput output, CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        // Before it is read: it may be edited while everything is started.
        var stamp = FileStamp.Of(options.ManifestPath);
        var manifest = await HostManifest.ReadAsync(options.ManifestPath, options.Secrets, cancellation);
        if (manifest.Errors.Count > 0)
        {
            SayAll(output, manifest.Errors);
            return 2;
        }

        bool created;
        try
        {
            created = CreateState(options.StateDirectory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            output.Say($"--state-dir {options.StateDirectory}: {exception.Message}");
            return 1;
        }

        var posted = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
        using var monitor = new ProcessMonitor((name, line) => SayChild(options, output, name, line), time);
        var mark = Guid.NewGuid().ToString("N");
        var watchdog = new Watchdog(monitor.Start, created ? options.StateDirectory : "", mark, TimeProvider.System);
        var host = new HostContext
        {
            Options = options,
            Hub = new GatewayHub(time),
            Monitor = monitor,
            Watchdog = watchdog,
            Environment = new ChildEnvironment(options.GatewayPath, mark),
            Revisions = new GatewayRevisions(options.GatewayPath, time),
            Time = time,
            Post = action => posted.Writer.TryWrite(action),
            Say = output.Say,
            StreamPath = Path.Combine(options.StateDirectory, StreamSocketName),
        };
        try
        {
            return await SuperviseAsync(host, manifest, stamp, posted.Reader, output, cancellation);
        }
        catch (Exception exception) when (exception is IOException or SocketException or UnauthorizedAccessException)
        {
            output.Say(exception.Message);
            return 1;
        }
        finally
        {
            // It also ends what is left, should anything have gone wrong above.
            watchdog.Dispose();
            await watchdog.Exited;
        }
    }

    private static async Task<int> SuperviseAsync(
        HostContext host,
        HostManifest manifest,
        FileStamp stamp,
        ChannelReader<Action> posted,
        HostOutput output,
        CancellationToken cancellation
    )
    {
        await using var supervisor = new Supervisor(host, posted, output.Show);
        var authenticator = new ChildAuthenticator((fleet, process) => AskAsync(host, () => supervisor.FindGateway(fleet, process)?.Name));
        var token = await AdminToken.EnsureAsync(TokenFile(host.Options), cancellation);
        var local = host.Options.Http is null || IPAddress.IsLoopback(host.Options.Http.Address);
        var admin = new AdminEndpoints(
            new HostAdministration(host, supervisor),
            new TokenAccess(token, readsAreOpen: local, host.Options.OpenMetrics),
            new SayingLogger(host.Say, LogLevel.Information)
        );
        await using var server = await HostServer.StartAsync(
            host.Options,
            host.StreamPath,
            host.Hub,
            authenticator,
            () => supervisor.Overviews,
            admin,
            host.Say
        );
        var errors = supervisor.Apply(manifest);
        if (errors.Count > 0)
        {
            SayAll(output, errors);
            return 1;
        }

        host.Hub.Changed += (_, change) =>
        {
            // Figures can wait for the next turn.
            if (change != GatewayChange.Figures)
            {
                host.Post(static () => { });
            }
        };
        if (host.Options.Http is { } http)
        {
            host.Say($"dashboard at http://{http}/, metrics at http://{http}/metrics");
            host.Say(
                $"admin API at http://{http}{OpenApiDocument.Path}, {(local ? "changes" : "all of it")} with -H \"Authorization: Bearer $(cat {ForShell(TokenFile(host.Options))})\""
            );
        }

        await using var watcher = new ManifestWatcher(
            host.Options.ManifestPath,
            stamp,
            ended => ReloadAsync(host, supervisor, output, ended),
            host.Time
        );
        using var stop = cancellation.Register(() => host.Post(supervisor.Stop));
        var firstSignal = 0L;
        using var interrupt = OnSignal(PosixSignal.SIGINT);
        using var terminate = OnSignal(PosixSignal.SIGTERM);
        using var quit = OnSignal(PosixSignal.SIGQUIT);
        using var hangUp = OnSignal(PosixSignal.SIGHUP);
        using var replace = PosixSignalRegistration.Create(
            User2,
            context =>
            {
                context.Cancel = true;
                host.Say("replacing the gateways; connections are handed over");
                host.Post(host.Revisions.Restart);
            }
        );
        EarlySignals.HandOver();
        await supervisor.RunAsync();
        return 0;

        PosixSignalRegistration OnSignal(PosixSignal signal) =>
            PosixSignalRegistration.Create(
                signal,
                context =>
                {
                    context.Cancel = true;
                    var first = Interlocked.CompareExchange(ref firstSignal, host.Time.GetTimestamp(), 0);
                    if (first == 0)
                    {
                        host.Say("draining; once more to end at once");
                        host.Post(supervisor.Stop);
                    }
                    else if (host.Time.GetElapsedTime(first) > SameSignal)
                    {
                        host.Post(supervisor.Kill);
                    }
                }
            );
    }

    /// <summary>A path as a POSIX shell takes it for one word (XCU 2.2.2): as it is where nothing in it is special, else in single quotes. Pure.</summary>
    internal static string ForShell(string path) =>
        path.All(static one => char.IsAsciiLetterOrDigit(one) || one is '/' or '.' or '_' or '-' or '+' or ':' or ',' or '@' or '%')
            ? path
            : $"'{path.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static string TokenFile(HostOptions options) => options.TokenFile ?? Path.Combine(options.StateDirectory, AdminToken.FileName);

    private static async Task ReloadAsync(HostContext host, Supervisor supervisor, HostOutput output, CancellationToken cancellation)
    {
        HostManifest manifest;
        try
        {
            manifest = await HostManifest.ReadAsync(host.Options.ManifestPath, host.Options.Secrets, cancellation);
        }
        catch (Exception error) when (error is not (OperationCanceledException or OutOfMemoryException))
        {
            // A slip of the reader's: the edit after this one is to be seen.
            manifest = new HostManifest([], [$"{host.Options.ManifestPath}: {error.Message}"]);
        }

        host.Post(() =>
        {
            var errors = supervisor.Reload(manifest);
            if (errors.Count > 0)
            {
                SayAll(output, errors);
                var again = manifest.Errors.Count == 0 ? "; it is tried again every second" : "";
                output.Say($"the edit is not applied; what ran before runs on{again}");
            }
            else
            {
                output.Say($"{host.Options.ManifestPath} applied");
            }
        });
    }

    private static Task<T> AskAsync<T>(HostContext host, Func<T> question)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Post(() => answer.SetResult(question()));
        return answer.Task;
    }

    /// <summary>Returns whether the directory is ours to remove.</summary>
    private static bool CreateState(string directory)
    {
        // Fleets are numbered as they come, and a name that does not fit any more would end the supervisor in the middle of an edit.
        if (Encoding.UTF8.GetByteCount(Path.Combine(directory, LongestSocketName)) > MaxSocketPath)
        {
            throw new IOException(
                $"longer than {MaxSocketPath - LongestSocketName.Length - 1} bytes, which leaves no room for the names of Unix sockets"
            );
        }

        var created = !Directory.Exists(directory);
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if ((File.GetUnixFileMode(directory) & UnixFileMode.OtherWrite) != UnixFileMode.None)
        {
            throw new IOException("everybody may write to it, and could put a socket of theirs in the place of ours");
        }

        // Left behind by a run that was killed together with its watchdog. Only our own names: it may be a directory of others' sockets too.
        foreach (var socket in Directory.GetFiles(directory, "handover-*.sock").Append(Path.Combine(directory, StreamSocketName)))
        {
            if (IsServed(socket))
            {
                throw new IOException($"another operator uses {socket}");
            }

            File.Delete(socket);
            HandoverBoard.Delete(socket);
        }

        return created;
    }

    private static bool IsServed(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static void SayAll(HostOutput output, IReadOnlyList<string> lines)
    {
        foreach (var line in lines)
        {
            output.Say(line);
        }
    }

    private static void SayChild(HostOptions options, HostOutput output, string name, string line)
    {
        // Access logs are JSON of their own, thousands a second on a busy day.
        if (options.Verbose || !line.StartsWith('{'))
        {
            output.Say($"[{name}] {line}");
        }
    }
}
