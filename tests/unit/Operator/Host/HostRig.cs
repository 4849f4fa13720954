using System.Threading.Channels;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host;
using Mooring.Operator.Host.Processes;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

/// <summary>What the fleets of a host work with, in a folder of its own. The gateways are processes that do nothing; what they say is made up.</summary>
internal sealed class HostRig : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mooring-host-");
    private readonly Channel<Action> _posted = Channel.CreateUnbounded<Action>();

    public HostRig()
    {
        var program = Path.Combine(_folder.FullName, "gateway");
        File.WriteAllText(program, "#!/bin/sh\nexec sleep 600\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var state = _folder.CreateSubdirectory("state").FullName;
        var monitor = new ProcessMonitor(static (_, _) => { }, TimeProvider.System);
        var mark = Guid.NewGuid().ToString("N");
        Context = new HostContext
        {
            Options = new HostOptions
            {
                ManifestPath = Path.Combine(_folder.FullName, "fleet.yaml"),
                StateDirectory = state,
                GatewayPath = program,
            },
            Hub = new GatewayHub(Time),
            Monitor = monitor,
            Watchdog = new Watchdog(monitor.Start, state, mark, TimeProvider.System),
            Environment = new ChildEnvironment(program, mark),
            Revisions = new GatewayRevisions(program, Time),
            Time = Time,
            Post = action => _posted.Writer.TryWrite(action),
            Say = static _ => { },
            StreamPath = Path.Combine(state, "stream.sock"),
        };
    }

    public ManualTime Time { get; } = new();

    public HostContext Context { get; }

    public string StateDirectory => Context.Options.StateDirectory;

    public ChannelReader<Action> Posted => _posted.Reader;

    /// <summary>Does what was posted, until the condition is true.</summary>
    public Task UntilAsync(Func<bool> condition, string what) =>
        Mooring.Testing.Until.TrueAsync(
            () =>
            {
                while (_posted.Reader.TryRead(out var action))
                {
                    action();
                }

                return condition();
            },
            TimeSpan.FromSeconds(60),
            what
        );

    /// <summary>All gateways that run serve, have no connection, and have just said so.</summary>
    public FleetView View(IEnumerable<ChildSlot> slots) =>
        new()
        {
            Fleet = "shop/small",
            Gateways =
            [
                .. slots
                    .Where(static slot => slot.Process is not null)
                    .Select(slot => new GatewayView
                    {
                        Hello = new HelloMessage
                        {
                            Fleet = "shop/small",
                            Gateway = slot.Name,
                            Version = "1",
                            ProcessId = slot.Process!.Id,
                        },
                        ConnectedAt = Time.GetUtcNow(),
                        SeenAt = Time.GetUtcNow(),
                        ConfigHash = "1",
                        ReportedAt = Time.GetUtcNow(),
                        Report = new ReportMessage
                        {
                            State = GatewayState.Serving,
                            Connections = 0,
                            Capacity = 100,
                        },
                    }),
            ],
        };

    public async ValueTask DisposeAsync()
    {
        // It ends the processes that are left, and removes the folder of the state.
        Context.Watchdog.Dispose();
        await Context.Watchdog.Exited;
        Context.Monitor.Dispose();
        _folder.Delete(recursive: true);
    }
}
