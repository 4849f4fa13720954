using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;
using Mooring.Contracts.Stream;

namespace Mooring.Api.Tests.Scaling;

/// <summary>Plays the gateways of a fleet's pods on the real stream: they hold connections, and close them as they are directed. They redial when the operator dies.</summary>
internal sealed class StandInGateways : IAsyncDisposable
{
    private const int Capacity = 1000;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);
    private readonly Kubectl _kubectl;
    private readonly string _namespace;
    private readonly string _fleet;
    private readonly Func<int> _port;
    private readonly int _first;
    private readonly int _each;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, Task> _running = new();
    private readonly ConcurrentDictionary<string, byte> _serving = new();
    private readonly ConcurrentDictionary<string, long> _ending = new();
    private readonly Task _watching;

    /// <param name="port">Of the leading operator's stream, at present.</param>
    /// <param name="first">The first so many gateways begin with <paramref name="each"/> connections, however late they come; later ones with none.</param>
    /// <param name="each">Connections.</param>
    public StandInGateways(Kubectl kubectl, string ns, string fleet, Func<int> port, int first, int each)
    {
        (_kubectl, _namespace, _fleet, _port, _first, _each) = (kubectl, ns, fleet, port, first, each);
        _watching = Task.Run(WatchAsync);
    }

    /// <summary>Connections by pod, as they are now; of pods that are gone, as they were at last.</summary>
    public ConcurrentDictionary<string, int> Connections { get; } = new();

    /// <summary>Clients that are sent away come back at once, to any gateway that serves, by chance as a Service has it. Default: they stay away.</summary>
    public bool ClientsReturn { get; init; }

    /// <summary>
    /// Closes per second of one whose pod is to go, until it is told another pace, and how long it waits before: as a gateway drains by itself at SIGTERM. Null:
    /// they do only as they are told. Default null.
    /// </summary>
    public (double PerSecond, TimeSpan LameDuck)? Alone { get; init; }

    /// <summary>All orders so far, each as the gateway took it.</summary>
    public ConcurrentQueue<(string Gateway, DirectiveKind Kind)> Orders { get; } = new();

    /// <summary>Shed orders so far, each as the gateway took it.</summary>
    public ConcurrentQueue<(string Gateway, DirectiveMessage Order)> Sheds { get; } = new();

    /// <summary>When each close was, on <see cref="Stopwatch"/>'s clock.</summary>
    public ConcurrentQueue<long> Closes { get; } = new();

    /// <summary>Gateways whose stream is open, and that have reported.</summary>
    public int Speaking;

    /// <summary>From the first close to the last.</summary>
    public TimeSpan Took() => Stopwatch.GetElapsedTime(Closes.Min(), Closes.Max());

    public int PeakPerSecond()
    {
        var times = Closes.Order().ToList();
        var peak = 0;
        for (var (first, last) = (0, 0); last < times.Count; last++)
        {
            while (times[last] - times[first] >= Stopwatch.Frequency)
            {
                first++;
            }

            peak = Math.Max(peak, last - first + 1);
        }

        return peak;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.WhenAll(_running.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task WatchAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var pods = await _kubectl.GetAsync("pods", "-n", _namespace, "-l", $"mooring.dev/fleet={_fleet},mooring.dev/role=gateway");
                foreach (var pod in pods["items"]!.AsArray().Where(pod => (string?)pod!["status"]?["phase"] == "Running"))
                {
                    var name = (string)pod!["metadata"]!["name"]!;
                    var begin = _running.Count < _first ? _each : 0;
                    _ = _running.GetOrAdd(name, _ => Task.Run(() => LiveAsync(name, begin)));
                    if (Alone is not null && pod["metadata"]!["deletionTimestamp"] is not null)
                    {
                        _ = _ending.TryAdd(name, Stopwatch.GetTimestamp());
                    }
                }
            }
            catch (InvalidOperationException)
            {
                // The API server is busy; the next look will tell.
            }

            await Task.Delay(Tick, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task LiveAsync(string pod, int connections)
    {
        Connections[pod] = connections;
        var (token, ca) = await CredentialsAsync(pod);
        var state = new State();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var gateway = await FakeGateway.ConnectAsync(_port(), ca, token, $"{_namespace}/{_fleet}", pod);
                Interlocked.Increment(ref Speaking);
                try
                {
                    await SpeakAsync(gateway, pod, state);
                }
                finally
                {
                    Interlocked.Decrement(ref Speaking);
                }
            }
            catch (Exception error) when (error is WebSocketException or HttpRequestException or OperationCanceledException or IOException)
            {
                await Task.Delay(Tick, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>What a kubelet mounts: the pod's token and the operator's CA.</summary>
    private async Task<(string Token, string Ca)> CredentialsAsync(string pod)
    {
        while (true)
        {
            try
            {
                var token = await _kubectl.RunAsync(
                    "create",
                    "token",
                    $"{_fleet}-gateway",
                    $"--audience={StreamLimits.TokenAudience}",
                    "--bound-object-kind=Pod",
                    $"--bound-object-name={pod}",
                    "-n",
                    _namespace
                );
                var map = await _kubectl.GetAsync("configmap", $"{_fleet}-gateway", "-n", _namespace);
                return (token.Trim(), (string)map["data"]!["ca.crt"]!);
            }
            catch (InvalidOperationException)
            {
                // The API server is busy, or the pod has just gone.
                await Task.Delay(Tick, _stop.Token);
            }
        }
    }

    private async Task SpeakAsync(FakeGateway gateway, string pod, State state)
    {
        await gateway.SendAsync(Report(pod, state));
        var next = gateway.ReceiveAsync<DirectiveMessage>();
        var clock = Stopwatch.StartNew();
        while (!_stop.IsCancellationRequested)
        {
            await Task.WhenAny(next, Task.Delay(Tick));
            var news = false;
            if (next.IsCompleted)
            {
                if (await next is not { } directive)
                {
                    return;
                }

                // What is to end lets itself be told how fast, and nothing else.
                if (
                    (directive.Kind == DirectiveKind.Drain || !_ending.ContainsKey(pod))
                    && (
                        state.Directive is null
                        || (directive.Epoch, directive.Sequence).CompareTo((state.Directive.Epoch, state.Directive.Sequence)) > 0
                    )
                )
                {
                    state.Directive = directive;
                    Orders.Enqueue((pod, directive.Kind));
                    if (directive.Kind == DirectiveKind.Shed)
                    {
                        Sheds.Enqueue((pod, directive));
                    }
                }

                next = gateway.ReceiveAsync<DirectiveMessage>();
                news = true;
            }

            var (pace, left) = Pace(pod, state.Directive);
            state.Budget = Math.Min(1 + (pace * 0.1), state.Budget + (pace * clock.Elapsed.TotalSeconds * 0.9));
            clock.Restart();
            while (pace > 0 && state.Budget >= 1 && Connections[pod] > left)
            {
                state.Budget--;
                Connections.AddOrUpdate(pod, 0, static (_, count) => count - 1);
                Closes.Enqueue(Stopwatch.GetTimestamp());
                if (ClientsReturn)
                {
                    var open = _serving.Keys.ToList();
                    Connections.AddOrUpdate(open[Random.Shared.Next(open.Count)], 1, static (_, count) => count + 1);
                }
            }

            news |= state.Reported != Connections[pod];
            if (news)
            {
                await gateway.SendAsync(Report(pod, state));
            }
        }
    }

    private (double PerSecond, int Left) Pace(string pod, DirectiveMessage? directive) =>
        directive switch
        {
            { Kind: DirectiveKind.Drain } drain => (drain.ClosesPerSecond, 0),
            _ when _ending.TryGetValue(pod, out var since) => (
                Stopwatch.GetElapsedTime(since) < Alone!.Value.LameDuck ? 0 : Alone.Value.PerSecond,
                0
            ),
            { Kind: DirectiveKind.Shed } shed => (shed.ClosesPerSecond, shed.TargetConnections ?? int.MaxValue),
            _ => (0, 0),
        };

    private ReportMessage Report(string pod, State state)
    {
        var connections = state.Reported = Connections[pod];
        var now = state.Directive?.Kind switch
        {
            _ when _ending.ContainsKey(pod) => connections == 0 ? GatewayState.Drained : GatewayState.Draining,
            DirectiveKind.Cordon => GatewayState.Cordoned,
            DirectiveKind.Drain => connections == 0 ? GatewayState.Drained : GatewayState.Draining,
            _ => GatewayState.Serving,
        };
        if (now == GatewayState.Serving)
        {
            _serving[pod] = 0;
        }
        else
        {
            _serving.TryRemove(pod, out _);
        }

        return new()
        {
            State = now,
            DirectiveEpoch = state.Directive?.Epoch ?? 0,
            DirectiveSequence = state.Directive?.Sequence ?? 0,
            Connections = connections,
            Capacity = Capacity,
            ClosesPerSecond = Pace(pod, state.Directive).PerSecond,
        };
    }

    private sealed class State
    {
        public DirectiveMessage? Directive { get; set; }

        public double Budget { get; set; }

        /// <summary>Connections that the last report spoke of.</summary>
        public int Reported { get; set; }
    }
}
