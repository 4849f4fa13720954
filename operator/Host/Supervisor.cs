using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Mooring.Contracts.Configuration;
using Mooring.Operator.AdminApi;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Entities;
using Mooring.Operator.Host.Sockets;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Host;

/// <summary>Runs the fleets of a manifest on this machine: owns the listening sockets, keeps the children as wanted, follows edits, drains at the end.</summary>
/// <remarks>
/// One loop owns all state; whatever happens elsewhere posts to it. Each turn looks at everything afresh (level-based), so a lost event costs at most
/// the time until the next turn. <see cref="Overviews"/> and the methods that post are for any thread.
/// </remarks>
internal sealed class Supervisor : IAsyncDisposable
{
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(1);
    private readonly HostContext _host;
    private readonly ChannelReader<Action> _posted;
    private readonly ListenerSockets _sockets;
    private readonly Dictionary<string, FleetRuntime> _fleets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FleetOverrides> _overrides = new(StringComparer.Ordinal);
    private HostManifest _manifest = new([], []);
    private readonly Action<IReadOnlyList<FleetOverview>> _onTurn;
    private readonly HostRedis _redis;
    private readonly TunnelPortAdvice _tunnelPorts;
    private readonly WallClock _wall;
    private int _nextNumber;

    /// <summary>Made for edits that were not applied then; disposed at the next turn.</summary>
    private readonly List<FleetRuntime> _discarded = [];

    /// <summary>An edit whose ports, sockets or files could not be had, and when it is tried again; null: there is none.</summary>
    private (HostManifest Manifest, DateTimeOffset At)? _refused;
    private bool _stopping;
    private bool _killed;

    /// <param name="host">What the fleets work with; its <see cref="HostContext.Post"/> writes to <paramref name="posted"/>.</param>
    /// <param name="posted">Actions for the loop.</param>
    /// <param name="onTurn">Told of the fleets after each turn.</param>
    public Supervisor(HostContext host, ChannelReader<Action> posted, Action<IReadOnlyList<FleetOverview>> onTurn)
    {
        (_host, _posted, _onTurn) = (host, posted, onTurn);
        _sockets = new ListenerSockets(host.Options.Bind);
        _redis = new HostRedis(host);
        _wall = new WallClock(host.Time);
        _tunnelPorts = new TunnelPortAdvice(TunnelPortAdvice.KernelFolder, host.Say);
    }

    /// <summary>The fleets as of the last turn, ordered by key.</summary>
    public IReadOnlyList<FleetOverview> Overviews { get; private set; } = [];

    /// <summary>The same with what they follow from.</summary>
    public IReadOnlyList<AdminFleet> Fleets { get; private set; } = [];

    /// <summary>Null: there is none. For the loop only.</summary>
    public FleetRuntime? Find(string fleet) => _fleets.GetValueOrDefault(fleet);

    /// <summary>Changes a fleet against its manifest. For the loop only.</summary>
    /// <exception cref="IOException">It cannot be done; says why.</exception>
    public void Override(string fleet, Action<FleetOverrides, FleetSpec> change)
    {
        var manifest = _manifest.Fleets.First(one => one.Key == fleet);
        var before = _overrides.GetValueOrDefault(fleet);
        var overrides = _overrides[fleet] = before?.Copy() ?? new FleetOverrides();
        change(overrides, manifest.Fleet.Spec);
        if (Apply(_manifest) is { Count: > 0 } errors)
        {
            // Or the next edit of the manifest would be asked to do it too.
            _overrides[fleet] = before ?? new FleetOverrides();
            throw new IOException(string.Join("; ", errors));
        }
    }

    /// <summary>Process ids, names and fleets of the gateways: who may open a stream. For the loop only.</summary>
    public ChildSlot? FindGateway(string fleet, int processId) => _fleets.GetValueOrDefault(fleet)?.Gateways.Find(processId);

    /// <summary>Restarts of all children that run now. For the loop only.</summary>
    public IEnumerable<ChildSlot> Children =>
        _fleets
            .Values.SelectMany(static fleet => fleet.Gateways.Slots.Concat(fleet.Workloads.Values.SelectMany(static group => group.Slots)))
            .Concat(_redis.Slot is { } redis ? [redis] : []);

    /// <summary>Ports that no child may get. For the loop only.</summary>
    public HashSet<int> Taken =>
        [
            .. Children.Select(static slot => slot.Port),
            _redis.Port,
            .. _fleets.Values.SelectMany(static fleet => fleet.Fleet.Plan.Config.Listeners).Select(static listener => listener.Port),
        ];

    /// <summary>Makes the manifest what is wanted, as a whole or not at all. Returns what stands against it. For the loop only.</summary>
    public IReadOnlyList<string> Apply(HostManifest manifest)
    {
        if (manifest.Errors.Count > 0)
        {
            return manifest.Errors;
        }

        if (_stopping)
        {
            return [$"{_host.Options.ManifestPath}: everything is being ended"];
        }

        var fleets = manifest.Fleets.Select(Adapt).ToList();
        if (Prepare(fleets) is { Count: > 0 } errors)
        {
            // What an earlier fleet of the same edit has bound is not used.
            _sockets.CloseUnused();
            return errors;
        }

        var now = _host.Time.GetUtcNow();
        var made = new Dictionary<string, FleetRuntime>(StringComparer.Ordinal);
        if (Make(manifest, fleets, made, now) is { } error)
        {
            _sockets.CloseUnused();
            _discarded.AddRange(made.Values);
            return [error];
        }

        // From here on nothing can fail.
        _manifest = manifest;
        foreach (var fleet in manifest.Fleets)
        {
            if (_overrides.TryGetValue(fleet.Key, out var overrides))
            {
                _overrides[fleet.Key] = overrides.Under(fleet.Fleet.Spec);
            }
        }

        _nextNumber += _discarded.Count + made.Count;
        _tunnelPorts.Give(fleets.Select(static fleet => fleet.Fleet));
        foreach (var gone in _fleets.Values.Where(fleet => manifest.Fleets.All(wanted => wanted.Key != fleet.Key)))
        {
            _sockets.Commit(gone.Key, []);
            gone.Publish(_sockets);
            gone.Stop(now + gone.Fleet.Plan.Config.Drain.Deadline);
        }

        foreach (var wanted in fleets)
        {
            if (made.TryGetValue(wanted.Key, out var fleet))
            {
                _fleets.Add(wanted.Key, fleet);
            }
            else
            {
                fleet = _fleets[wanted.Key];
            }

            fleet.Apply(wanted);
            if (!fleet.IsHeld && _sockets.Commit(wanted.Key, fleet.Fleet.Plan.Config.Listeners))
            {
                fleet.Publish(_sockets);
            }
        }

        _sockets.CloseUnused();
        return [];
    }

    /// <summary>
    /// <see cref="Apply"/> for an edit of the manifest. One that is good, and cannot have its ports, sockets or files now, is tried again every second until the
    /// next edit: a gateway whose fleet was just taken out may still hold its port. For the loop only.
    /// </summary>
    public IReadOnlyList<string> Reload(HostManifest manifest)
    {
        var errors = Apply(manifest);
        _refused = errors.Count > 0 && manifest.Errors.Count == 0 ? (manifest, _host.Time.GetUtcNow() + Again) : null;
        return errors;
    }

    /// <summary>Begins to end everything: no new connections, open ones may end within the host's time. For the loop only.</summary>
    public void Stop()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        var now = _host.Time.GetUtcNow();
        foreach (var fleet in _fleets.Values)
        {
            var drain = fleet.Fleet.Plan.Config.Drain.Deadline;
            fleet.Stop(now + (drain < _host.Options.StopDrain ? drain : _host.Options.StopDrain));
            _sockets.Commit(fleet.Key, []);
            fleet.Publish(_sockets);
        }

        _sockets.CloseUnused();
    }

    /// <summary>Ends every child at once. For the loop only.</summary>
    public void Kill()
    {
        Stop();
        _killed = true;
        var now = _host.Time.GetUtcNow();
        foreach (var slot in Children.ToList())
        {
            slot.Stop(now, now);
            slot.Process?.Kill();
        }
    }

    /// <summary>Runs until everything has ended after <see cref="Stop"/>.</summary>
    public async Task RunAsync()
    {
        while (true)
        {
            while (_posted.TryRead(out var action))
            {
                // Or the moments that it notes, by the clock as it is now, would be shifted with those of before.
                FollowClock();
                action();
            }

            await StepAsync();
            if (_stopping && _fleets.Count == 0 && _redis.Slot is null)
            {
                return;
            }

            using var turn = new CancellationTokenSource(Turn, _host.Time);
            try
            {
                await _posted.WaitToReadAsync(turn.Token);
            }
            catch (OperationCanceledException)
            {
                // Nothing was posted: time itself may have something due.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var fleet in _fleets.Values.Concat(_discarded))
        {
            await fleet.DisposeAsync();
        }

        _sockets.Dispose();
    }

    /// <summary>Binds what an edit wants. Returns what stands against it.</summary>
    private List<string> Prepare(List<HostFleet> fleets)
    {
        var errors = new List<string>();
        var owners = new Dictionary<(bool Datagram, int Port), string>();
        // Paused ones first: what they have is nobody else's, whatever the edit says of them.
        foreach (var fleet in fleets.OrderByDescending(static fleet => fleet.Plan.Paused))
        {
            var place = $"{_host.Options.ManifestPath}: {(fleets.Count > 1 ? fleet.Key + ": " : "")}spec.listeners";
            var listeners = Listeners(fleet);
            foreach (var (i, listener) in listeners.Index())
            {
                var key = (listener.Protocol == ListenerProtocol.UDP, listener.Port);
                if (!owners.TryAdd(key, fleet.Key) && owners[key] is var owner && owner != fleet.Key)
                {
                    var address = new IPEndPoint(_host.Options.Bind, listener.Port);
                    errors.Add($"{place}[{i}].port: listener {listener.Name} cannot have {address}: {owner} has it, and is paused");
                }
            }

            errors.AddRange(_sockets.Prepare(listeners).Select(error => $"{place}[{error.Index}].port: {error.Error}"));
        }

        return errors;
    }

    /// <summary>The listeners that are to be open: while the fleet is paused, those that are, or were before it was taken out for a moment.</summary>
    private IReadOnlyList<ListenerConfig> Listeners(HostFleet wanted) =>
        !wanted.Plan.Paused ? wanted.Plan.Config.Listeners
        : _fleets.GetValueOrDefault(wanted.Key) is { IsHeld: false } fleet ? fleet.Fleet.Plan.Config.Listeners
        : [];

    /// <summary>Makes what an edit wants in files and sockets, which may fail. Returns why it did.</summary>
    /// <param name="manifest">The edit.</param>
    /// <param name="fleets">Its fleets; after this with the Redis of this machine.</param>
    /// <param name="made">Gets those that are new, also where it fails.</param>
    /// <param name="now">The time.</param>
    private string? Make(HostManifest manifest, List<HostFleet> fleets, Dictionary<string, FleetRuntime> made, DateTimeOffset now)
    {
        var taken = Taken;
        taken.UnionWith(fleets.SelectMany(static fleet => fleet.Plan.Config.Listeners).Select(static listener => listener.Port));
        var what = "";
        try
        {
            for (var i = 0; i < fleets.Count; i++)
            {
                what = $"{_host.Options.ManifestPath}: {fleets[i].Key} cannot be started";
                fleets[i] = _redis.Adapt(fleets[i], taken);
                if (!_fleets.ContainsKey(fleets[i].Key))
                {
                    made.Add(fleets[i].Key, new FleetRuntime(fleets[i], _nextNumber + _discarded.Count + made.Count, _host, now));
                }
            }

            // Last, since gateways that run read them at once, and before the new ones have their config.
            what = "the manifest's Secrets cannot be written";
            WriteSecrets(manifest, fleets);
            return null;
        }
        catch (Exception exception) when (exception is IOException or SocketException or UnauthorizedAccessException)
        {
            return $"{what}: {exception.Message}";
        }
    }

    /// <summary>Writes the manifest's Secrets and keeps what configs in force name: of a fleet that is paused, or drains and may be put back paused.</summary>
    private void WriteSecrets(HostManifest manifest, IReadOnlyList<HostFleet> fleets) =>
        _host.Options.Secrets.Write(
            manifest.Secrets,
            _fleets
                .Values.Where(fleet => fleets.All(wanted => wanted.Key != fleet.Key || wanted.Plan.Paused))
                .SelectMany(static fleet => fleet.SecretFiles)
        );

    /// <summary>Removes the Secrets of fleets that have ended.</summary>
    private void RemoveSecrets()
    {
        try
        {
            WriteSecrets(_manifest, [.. _fleets.Values.Where(static fleet => !fleet.IsStopping).Select(static fleet => fleet.Fleet)]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next edit removes them, or says why it cannot.
        }
    }

    /// <summary>The fleet with what the admin API has changed of it.</summary>
    private HostFleet Adapt(HostFleet fleet)
    {
        if (!_overrides.TryGetValue(fleet.Key, out var overrides) || fleet.Input is null)
        {
            return fleet;
        }

        var entity = fleet.Fleet with { Spec = overrides.Adapt(fleet.Fleet.Spec) };
        return fleet with { Fleet = entity, Plan = FleetPlanner.Plan(fleet.Input with { Fleet = entity }) };
    }

    private AdminFleet Look(FleetRuntime fleet)
    {
        var view = _host.Hub.View(fleet.Key);
        return new AdminFleet(fleet.Entity, HostOverview.Of(fleet, view), view);
    }

    /// <summary>Where the wall clock was set, all that was noted by it before is as far from now as it was.</summary>
    private void FollowClock()
    {
        var jump = _wall.Jump();
        if (jump == TimeSpan.Zero)
        {
            return;
        }

        foreach (var slot in Children.ToList())
        {
            slot.Shift(jump);
        }

        foreach (var fleet in _fleets.Values)
        {
            fleet.Shift(jump);
        }
    }

    private async Task StepAsync()
    {
        foreach (var fleet in _discarded)
        {
            await fleet.DisposeAsync();
        }

        _discarded.Clear();
        FollowClock();
        var now = _host.Time.GetUtcNow();
        if (!_stopping && _refused is { } refused && (now >= refused.At || now < refused.At - Again) && Reload(refused.Manifest).Count == 0)
        {
            _host.Say($"{_host.Options.ManifestPath} applied");
        }

        var taken = Taken;
        foreach (var fleet in _fleets.Values.ToList())
        {
            fleet.Step(now, taken, _killed);
            if (fleet.IsGone)
            {
                _fleets.Remove(fleet.Key);
                _overrides.Remove(fleet.Key);
                _sockets.Forget(fleet.Key);
                _host.Hub.Remove(fleet.Key);
                await fleet.DisposeAsync();
                if (!_stopping && fleet.SecretFiles.Count > 0)
                {
                    RemoveSecrets();
                }
            }
        }

        // After the gateways, which take themselves out of it as they end.
        _redis.Step(now, wanted: _fleets.Values.Any(fleet => _redis.Serves(fleet.Fleet.Plan)));
        Fleets = [.. _fleets.Values.OrderBy(static fleet => fleet.Key, StringComparer.Ordinal).Select(Look)];
        Overviews = [.. Fleets.Select(static fleet => fleet.Overview)];
        _onTurn(Overviews);
    }
}
