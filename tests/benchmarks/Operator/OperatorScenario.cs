using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Mooring.Api.Tests.Cluster;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Operator;

/// <summary>What one scale's run has shown.</summary>
internal sealed record OperatorFigures
{
    public required int Fleets { get; init; }

    public required int Streams { get; init; }

    /// <summary>Objects that the operator keeps for a fleet.</summary>
    public required double ChildrenPerFleet { get; init; }

    /// <summary>From the operator's start until every fleet is Ready and every gateway has acknowledged, seconds.</summary>
    public required double ConvergedSeconds { get; init; }

    public required double ConvergedCpuSeconds { get; init; }

    /// <summary>From the operator's start until half of the fleets have been Ready, seconds.</summary>
    public required double MedianReadySeconds { get; init; }

    /// <summary>Requests of the operator until then, as the API server counted them.</summary>
    public required int Requests { get; init; }

    public required long Reconciles { get; init; }

    /// <summary>p99 of all reconciles until then, and of those after it.</summary>
    public required double ConvergingP99Milliseconds { get; init; }

    public required double SteadyP99Milliseconds { get; init; }

    /// <summary>The same, of changes that come at <see cref="OperatorScenario.PacedPerSecond"/>.</summary>
    public required double PacedP99Milliseconds { get; init; }

    public required long ResidentBytes { get; init; }

    public required double QuietSeconds { get; init; }

    /// <summary>Writes of the operator in that time, but for the Lease.</summary>
    public required int QuietWrites { get; init; }

    public required double QuietCorePercent { get; init; }

    /// <summary>From a change's PATCH until the ack of each of the wide fleet's gateways.</summary>
    public required double AckP50Milliseconds { get; init; }

    public required double AckP99Milliseconds { get; init; }

    /// <summary>From the leader's death until another leads, and until it has every stream, seconds; null: not tried.</summary>
    public double? NewLeaderSeconds { get; init; }

    public double? AllStreamsSeconds { get; init; }
}

/// <summary>One scale: a control plane of its own, so many fleets, and an operator that finds them.</summary>
internal sealed class OperatorScenario(
    string program,
    IReadOnlyList<string> arguments,
    int fleets,
    TimeSpan quiet,
    int changes,
    TextWriter log
)
{
    /// <summary>Changes of fleets a second where they do not come all at once.</summary>
    public const int PacedPerSecond = 10;

    private const int PacedChanges = 300;
    private const string User = "mooring-operator";
    private static readonly TimeSpan ConvergeLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(15);
    private readonly ConcurrentDictionary<string, bool> _ready = new(StringComparer.Ordinal);

    // When each was ready first.
    private readonly ConcurrentDictionary<string, long> _readyAt = new(StringComparer.Ordinal);

    private int Streams => (fleets * BenchFleets.Gateways) + BenchFleets.WideGateways;

    public async Task<OperatorFigures> RunAsync(CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await using var cluster = await TestCluster.StartAsync(controllers: false);
        await cluster.InstallAsync();
        var api = new ApiSession(cluster.Admin);
        await PrepareAsync(api, stop.Token);
        var kubeconfig = cluster.WriteKubeconfig(User, "system:masters");
        var operators = new List<OperatorUnderTest>();
        using var gateways = new StandInGateways(api, () => [.. operators.ToArray().Select(static one => one.StreamPort)]);
        var controllers = new StandInControllers(api, pod => _ = gateways.StartAsync(pod, stop.Token));
        var playing = Task.WhenAll(controllers.RunAsync(stop.Token), FollowFleetsAsync(api, stop.Token));
        var mark = cluster.Audit.Mark();
        try
        {
            operators.Add(OperatorUnderTest.Start(cluster, program, kubeconfig, "first", arguments));
            var figures = await ConvergeAsync(cluster, operators[0], mark, playing, stop.Token);
            figures = await RestAsync(cluster, operators[0], figures, stop.Token);
            figures = await ChangeAsync(api, gateways, operators[0], figures, stop.Token);
            operators.Add(OperatorUnderTest.Start(cluster, program, kubeconfig, "second", arguments));
            return await SucceedAsync(operators, figures, stop.Token);
        }
        finally
        {
            await stop.CancelAsync();
            await playing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var one in operators)
            {
                one.Kill();
                await one.DisposeAsync();
            }
        }
    }

    private async Task PrepareAsync(ApiSession api, CancellationToken cancellation)
    {
        foreach (var ns in Enumerable.Range(0, BenchFleets.Namespaces).Select(BenchFleets.Namespace).Append("operator"))
        {
            (await api.CreateAsync("/api/v1/namespaces", Named("Namespace", ns), cancellation)).Dispose();
        }

        await Parallel.ForEachAsync(
            Enumerable.Range(0, fleets),
            new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellation },
            async (fleet, token) =>
                (await api.CreateAsync(Collection(BenchFleets.Namespace(fleet)), BenchFleets.Small(fleet), token)).Dispose()
        );
        (await api.CreateAsync(Collection(BenchFleets.Namespace(0)), BenchFleets.WideOne(), cancellation)).Dispose();
    }

    private async Task FollowFleetsAsync(ApiSession api, CancellationToken cancellation)
    {
        await foreach (var fleet in api.FollowAsync("/apis/mooring.dev/v1alpha1/connectionfleets", cancellation))
        {
            var name = fleet.GetProperty("metadata").GetProperty("name").GetString()!;
            var gateways = name == BenchFleets.Wide ? BenchFleets.WideGateways : BenchFleets.Gateways;
            if (IsReady(fleet, gateways))
            {
                _ready[name] = true;
                _readyAt.TryAdd(name, Stopwatch.GetTimestamp());
            }
            else
            {
                _ready.TryRemove(name, out _);
            }
        }
    }

    private async Task<OperatorFigures> ConvergeAsync(
        TestCluster cluster,
        OperatorUnderTest leader,
        long mark,
        Task playing,
        CancellationToken cancellation
    )
    {
        var clock = Stopwatch.StartNew();
        var began = Stopwatch.GetTimestamp();
        var told = TimeSpan.Zero;
        while (_ready.Count < fleets + 1)
        {
            leader.CheckRuns();
            if (playing.IsFaulted || clock.Elapsed > ConvergeLimit)
            {
                throw new BenchmarkException(
                    $"{_ready.Count} of {fleets + 1} fleets are ready after {clock.Elapsed}: {playing.Exception?.Message}, {leader.LogFile}"
                );
            }

            if (clock.Elapsed - told > TimeSpan.FromSeconds(10))
            {
                told = clock.Elapsed;
                await log.WriteLineAsync($"  {clock.Elapsed.TotalSeconds:0} s: {_ready.Count} ready, {leader.CpuSeconds:0.0} CPU-s");
            }

            await Task.Delay(50, cancellation);
        }

        var (seconds, cpu) = (clock.Elapsed.TotalSeconds, leader.CpuSeconds);
        var metrics = await leader.MetricsAsync(cancellation);
        var requests = (await cluster.Audit.SinceAsync(mark)).Where(static request => request.User == User).ToList();
        var median = _readyAt.Values.Order().Select(at => Stopwatch.GetElapsedTime(began, at).TotalSeconds).ElementAt(fleets / 2);
        await log.WriteLineAsync(
            $"{fleets} fleets: converged in {seconds:0.0} s, half of them in {median:0.0} s, {cpu:0.00} CPU-s, {requests.Count} requests, {metrics.Reconciles} reconciles"
        );
        foreach (
            var kind in requests
                .GroupBy(static request =>
                    $"{request.Verb} {request.Resource}{(request.Subresource.Length > 0 ? "/" : "")}{request.Subresource}"
                )
                .OrderByDescending(static kind => kind.Count())
                .Take(12)
        )
        {
            await log.WriteLineAsync($"  {kind.Count(), 6} {kind.Key}");
        }

        return new OperatorFigures
        {
            Fleets = fleets,
            Streams = Streams,
            ChildrenPerFleet =
                (double)
                    requests
                        .Where(static request =>
                            request is { Verb: "patch", Subresource: "", Code: 201 } && request.Resource != "connectionfleets"
                        )
                        .Select(static request => (request.Resource, request.Namespace, request.Name))
                        .Distinct()
                        .Count() / (fleets + 1),
            ConvergedSeconds = seconds,
            ConvergedCpuSeconds = cpu,
            MedianReadySeconds = median,
            Requests = requests.Count,
            Reconciles = metrics.Reconciles,
            ConvergingP99Milliseconds = metrics.QuantileSince(new OperatorMetrics(0, []), 0.99),
            SteadyP99Milliseconds = 0,
            PacedP99Milliseconds = 0,
            ResidentBytes = 0,
            QuietSeconds = quiet.TotalSeconds,
            QuietWrites = 0,
            QuietCorePercent = 0,
            AckP50Milliseconds = 0,
            AckP99Milliseconds = 0,
        };
    }

    private async Task<OperatorFigures> RestAsync(
        TestCluster cluster,
        OperatorUnderTest leader,
        OperatorFigures figures,
        CancellationToken cancellation
    )
    {
        // What converging has left to be done, such as events and the compiler's second thoughts, is not rest.
        await Task.Delay(Settling, cancellation);
        var mark = cluster.Audit.Mark();
        var (_, _, allocated) = await leader.HeapAsync(cancellation);
        var (cpu, clock) = (leader.CpuSeconds, Stopwatch.StartNew());
        await Task.Delay(quiet, cancellation);
        var percent = (leader.CpuSeconds - cpu) / clock.Elapsed.TotalSeconds * 100;
        var writes = (await cluster.Audit.SinceAsync(mark))
            .Where(static request => request.User == User && request.IsWrite && request.Resource != "leases")
            .ToList();
        var resident = leader.ResidentBytes;
        var heap = await leader.HeapAsync(cancellation);
        await log.WriteLineAsync(
            $"  heap {heap.Heap / 1048576.0:0.0} MiB, {heap.Committed / 1048576.0:0.0} committed; {(heap.Allocated - allocated) / 1048576.0 / clock.Elapsed.TotalSeconds:0.00} MiB/s allocated at rest"
        );
        await log.WriteLineAsync(
            $"  {quiet.TotalSeconds:0} s of rest: {percent:0.00} % of a core, {writes.Count} writes, RSS {resident / 1048576.0:0.0} MiB{string.Concat(writes.Take(3).Select(static one => $"; {one}"))}"
        );
        return figures with { QuietCorePercent = percent, QuietWrites = writes.Count, ResidentBytes = resident };
    }

    private async Task<OperatorFigures> ChangeAsync(
        ApiSession api,
        StandInGateways gateways,
        OperatorUnderTest leader,
        OperatorFigures figures,
        CancellationToken cancellation
    )
    {
        var took = new List<double>();
        for (var round = 0; round < changes; round++)
        {
            var sent = Stopwatch.GetTimestamp();
            (
                await api.PatchAsync($"{Collection(BenchFleets.Namespace(0))}/{BenchFleets.Wide}", BenchFleets.Change(round), cancellation)
            ).Dispose();
            var deadline = Stopwatch.StartNew();
            while (gateways.Acks(200 + round).Count < BenchFleets.WideGateways)
            {
                if (deadline.Elapsed > TimeSpan.FromSeconds(30))
                {
                    throw new BenchmarkException(
                        $"{gateways.Acks(200 + round).Count} of {BenchFleets.WideGateways} gateways have acknowledged a change after 30 s"
                    );
                }

                await Task.Delay(5, cancellation);
            }

            took.AddRange(gateways.Acks(200 + round).Select(at => Stopwatch.GetElapsedTime(sent, at).TotalMilliseconds));
            // The next one finds the fleet at rest.
            await Task.Delay(500, cancellation);
        }

        took.Sort();
        await log.WriteLineAsync(
            $"  {changes} changes: acknowledged after {took[took.Count / 2]:0} ms (p50), {took[(int)(took.Count * 0.99)]:0} ms (p99)"
        );
        var paced = await ReconcilesOfAsync(leader, $"{PacedPerSecond} changes a second", ChangePacedAsync, api, cancellation);
        var all = await ReconcilesOfAsync(leader, "a change of every fleet at once", ChangeAllAsync, api, cancellation);
        return figures with
        {
            AckP50Milliseconds = took[took.Count / 2],
            AckP99Milliseconds = took[(int)(took.Count * 0.99)],
            SteadyP99Milliseconds = all,
            PacedP99Milliseconds = paced,
        };
    }

    /// <summary>p99 of the reconciles that changes bring about.</summary>
    private async Task<double> ReconcilesOfAsync(
        OperatorUnderTest leader,
        string what,
        Func<ApiSession, CancellationToken, Task> change,
        ApiSession api,
        CancellationToken cancellation
    )
    {
        var before = await leader.MetricsAsync(cancellation);
        await change(api, cancellation);
        await Task.Delay(TimeSpan.FromSeconds(5), cancellation);
        var after = await leader.MetricsAsync(cancellation);
        var p99 = after.QuantileSince(before, 0.99);
        await log.WriteLineAsync(
            $"  {what}: {after.Reconciles - before.Reconciles} reconciles, p99 ≤ {p99:0} ms; {after.SpreadSince(before)}"
        );
        return p99;
    }

    private Task ChangeAllAsync(ApiSession api, CancellationToken cancellation) =>
        Parallel.ForEachAsync(
            Enumerable.Range(0, fleets),
            new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellation },
            async (fleet, token) => await ChangeFleetAsync(api, fleet, fleet % 50, token)
        );

    private async Task ChangePacedAsync(ApiSession api, CancellationToken cancellation)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / PacedPerSecond));
        for (var change = 0; change < PacedChanges && await pace.WaitForNextTickAsync(cancellation); change++)
        {
            await ChangeFleetAsync(api, change * 7 % fleets, 50 + (change % 50), cancellation);
        }
    }

    private static async Task ChangeFleetAsync(ApiSession api, int fleet, int number, CancellationToken cancellation) =>
        (
            await api.PatchAsync(
                $"{Collection(BenchFleets.Namespace(fleet))}/{BenchFleets.Name(fleet)}",
                BenchFleets.Change(number),
                cancellation
            )
        ).Dispose();

    private async Task<OperatorFigures> SucceedAsync(
        List<OperatorUnderTest> operators,
        OperatorFigures figures,
        CancellationToken cancellation
    )
    {
        var (first, second) = (operators[0], operators[1]);
        // A standby with its caches filled, as the second replica of a Deployment.
        await Task.Delay(Settling, cancellation);
        second.CheckRuns();
        first.Kill();
        operators.Remove(first);
        var clock = Stopwatch.StartNew();
        double? leads = null;
        while (true)
        {
            second.CheckRuns();
            leads ??= second.Leads ? clock.Elapsed.TotalSeconds : null;
            if (leads is not null && (await second.MetricsAsync(cancellation)).Streams >= Streams)
            {
                break;
            }

            if (clock.Elapsed > TimeSpan.FromMinutes(2))
            {
                throw new BenchmarkException($"the new leader has not got all streams after {clock.Elapsed}: {second.LogFile}");
            }

            await Task.Delay(100, cancellation);
        }

        await first.DisposeAsync();
        await log.WriteLineAsync(
            $"  leader killed: another leads after {leads:0.0} s and has all {Streams} streams after {clock.Elapsed.TotalSeconds:0.0} s"
        );
        return figures with { NewLeaderSeconds = leads, AllStreamsSeconds = clock.Elapsed.TotalSeconds };
    }

    private static bool IsReady(JsonElement fleet, int gateways) =>
        fleet.TryGetProperty("status", out var status)
        && status.TryGetProperty("conditions", out var conditions)
        && conditions
            .EnumerateArray()
            .Any(static one => one.GetProperty("type").GetString() == "Ready" && one.GetProperty("status").GetString() == "True")
        && status.GetProperty("observedGeneration").GetInt64() == fleet.GetProperty("metadata").GetProperty("generation").GetInt64()
        && status.GetProperty("config").GetProperty("acked").GetString() == $"{gateways}/{gateways}";

    private static string Collection(string ns) => $"/apis/mooring.dev/v1alpha1/namespaces/{ns}/connectionfleets";

    private static string Named(string kind, string name) =>
        $$$"""{"apiVersion": "v1", "kind": "{{{kind}}}", "metadata": {"name": "{{{name}}}"}}""";
}
