using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Million;

/// <summary>Verb <c>million</c>: one ConnectionFleet on this host, as many idle Hub clients as its memory holds, and a tenth of its gateways replaced meanwhile.</summary>
internal static class MillionCommand
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "50,000 connections on ten gateways for a minute" };
        var connections = new Option<int?>("--connections") { Description = "So many instead" };
        var hold = new Option<int?>("--hold") { Description = "Seconds to hold them instead" };
        var gateways = new Option<int?>("--gateways") { Description = "So many instead" };
        var program = new Option<string?>("--operator") { Description = "The operator's program. Default: the one built beside this" };
        var gateway = new Option<string?>("--gateway") { Description = "The gateway's program. Default: the one that the operator finds" };
        var command = new Command("million", "A million idle WebSockets in one fleet on this host")
        {
            Options = { quick, connections, gateways, hold, program, gateway },
        };
        command.SetAction(
            (parsed, cancellation) =>
            {
                var options = parsed.GetValue(quick) ? MillionOptions.Quick : MillionOptions.Whole;
                options = options with
                {
                    Connections = parsed.GetValue(connections) ?? options.Connections,
                    Gateways = parsed.GetValue(gateways) ?? options.Gateways,
                    Hold = parsed.GetValue(hold) is { } seconds ? TimeSpan.FromSeconds(seconds) : options.Hold,
                };
                return RunAsync(options, parsed.GetValue(program) ?? Built(), parsed.GetValue(gateway), cancellation);
            }
        );
        return command;
    }

    private static string Built() =>
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Mooring.Operator", "release", "operator"));

    private static async Task<int> RunAsync(MillionOptions options, string program, string? gateway, CancellationToken cancellation)
    {
        try
        {
            await new MillionRun(options).RunAsync(program, gateway, cancellation);
            return 0;
        }
        catch (BenchmarkException failure)
        {
            await Console.Error.WriteLineAsync($"million: {failure.Message}");
            return 1;
        }
    }
}

/// <summary>One run, told as it goes.</summary>
internal sealed class MillionRun(MillionOptions options)
{
    /// <summary>A fleet that wants no less of a core than it did so long ago has started, unless it has most of all cores.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>Less of a core than this is no difference.</summary>
    private const double RestMargin = 0.05;

    /// <summary>Most of all cores.</summary>
    private static readonly double Most = 0.75 * Environment.ProcessorCount;

    /// <summary>However much it still does, it is not waited for longer.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(3);

    private readonly List<HoldProcess> _clients = [];
    private readonly List<double> _medians = [];
    private readonly List<double> _ninetyNinths = [];
    private int _peak;
    private double _longestAway;
    private double _longestDelay;

    public async Task RunAsync(string program, string? gateway, CancellationToken cancellation)
    {
        MillionRoom.Check(options);
        var starting = Stopwatch.GetTimestamp();
        await using var fleet = await MillionFleet.StartAsync(program, gateway, options, cancellation);
        var started = Stopwatch.GetElapsedTime(starting);
        try
        {
            for (var i = 0; i < options.ClientProcesses; i++)
            {
                _clients.Add(new HoldProcess(i));
            }

            var rest = await RestAsync(fleet, cancellation);
            var clients = _clients.Select(client => client.Id).ToArray();
            var before = MillionMemory.Read(fleet.Processes, clients);
            Say(
                $"{fleet.ReadyGateways} gateways and {_clients.Count} processes of clients; base: {Format(before)}; all were ready after {started.TotalSeconds:0.0} s, and at rest after {Stopwatch.GetElapsedTime(starting).TotalSeconds:0} s, {CpuMeter.Read(fleet.Processes).CpuNanoseconds / 1e9:0} CPU-s; the fleet at rest {rest:P0} of one core"
            );

            var (fleetCpu, clientCpu) = (CpuMeter.Read(fleet.Processes), CpuMeter.Read(clients));
            var took = await ConnectAsync(fleet, cancellation);
            Say(
                $"all {options.Connections:N0} connected in {took.TotalSeconds:0.0} s; CPU of one: fleet {Each(fleet.Processes, fleetCpu):0} µs, client {Each(clients, clientCpu):0} µs"
            );
            await Task.Delay(TimeSpan.FromSeconds(10), cancellation);
            var descriptors = fleet.Descriptors().ToList();
            Say($"connections of a gateway: {descriptors.Min() - 200:N0} to {descriptors.Max() - 200:N0} or so");
            var used = MillionMemory.Read(fleet.Processes, clients) - before;
            Say($"above the base: {Format(used)}");
            var perConnection = (double)options.Connections;
            Say(
                $"a connection, both ends: kernel {used.Kernel / perConnection:N0} B, user {(used.Fleet + used.Clients) / perConnection:N0} B (fleet {used.Fleet / perConnection:N0} B)"
            );
            await HoldAsync(fleet, cancellation);
        }
        finally
        {
            await Task.WhenAll(_clients.Select(client => client.DisposeAsync().AsTask()));
        }

        var ending = Stopwatch.GetTimestamp();
        await fleet.DisposeAsync();
        Say($"the fleet ended within {Stopwatch.GetElapsedTime(ending).TotalSeconds:0.0} s of SIGTERM");
    }

    /// <summary>Waits until the fleet has started: what its processes do then, and what they come to hold of it, is no connection's. Returns its share of one core.</summary>
    private static async Task<double> RestAsync(MillionFleet fleet, CancellationToken cancellation)
    {
        var before = double.MaxValue;
        for (var began = Stopwatch.GetTimestamp(); ; )
        {
            var (atRest, since) = (CpuMeter.Read(fleet.Processes), Stopwatch.GetTimestamp());
            await Task.Delay(Rest, cancellation);
            var share = (CpuMeter.Read(fleet.Processes) - atRest).CpuNanoseconds / Stopwatch.GetElapsedTime(since).TotalNanoseconds;
            if ((share >= before - RestMargin && share < Most) || Stopwatch.GetElapsedTime(began) > LongestStart)
            {
                return share;
            }

            before = share;
        }
    }

    private async Task<TimeSpan> ConnectAsync(MillionFleet fleet, CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < _clients.Count; i++)
        {
            var first = i * options.PerClientProcess;
            _clients[i]
                .Begin(
                    new HoldRequest
                    {
                        Target = fleet.Target,
                        Sources = [.. Enumerable.Range(1, 4).Select(last => $"127.1.{i}.{last}")],
                        Connections = Math.Min(options.PerClientProcess, options.Connections - first),
                        FirstUser = first,
                        ConnectsPerSecond = Math.Max(1, options.ConnectsPerSecond / _clients.Count),
                        Secret = MillionFleet.Secret,
                        Namespace = MillionFleet.Namespace,
                    }
                );
        }

        for (var second = 1; ; second++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
            var totals = Read(fleet);
            if (totals.Live == options.Connections)
            {
                return Stopwatch.GetElapsedTime(began);
            }

            if (second % 10 == 0)
            {
                Say($"{second} s: {Format(totals)}");
            }

            if (second > 900)
            {
                throw new BenchmarkException(
                    $"only {totals.Live:N0} of {options.Connections:N0} after {second} s; {totals.Failed:N0} failed: {totals.LastFailure}"
                );
            }
        }
    }

    private async Task HoldAsync(MillionFleet fleet, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var publisher = new Publisher(
            fleet.Target,
            MillionFleet.ApiKey,
            MillionFleet.Namespace,
            options.Connections,
            options.MessagesPerSecond
        );
        var publishing = publisher.RunAsync(stop.Token);
        var began = Stopwatch.GetTimestamp();
        var cpu = CpuMeter.Read(fleet.Processes);
        var replaced = false;
        TimeSpan? allBack = null;
        for (var second = 1; Stopwatch.GetElapsedTime(began) < options.Hold; second++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
            var totals = Read(fleet);
            var elapsed = Stopwatch.GetElapsedTime(began);
            if (!replaced)
            {
                _medians.Add(totals.P50);
                _ninetyNinths.Add(totals.P99);
            }

            if (!replaced && elapsed >= options.RolloutAfter)
            {
                replaced = true;
                var idle = (CpuMeter.Read(fleet.Processes) - cpu).CpuNanoseconds / elapsed.TotalNanoseconds;
                Say(
                    $"before the rollout: the fleet used {idle:P0} of one core; delay p50 {MillionTotals.Median(_medians):N0} µs, p99 {MillionTotals.Median(_ninetyNinths):N0} µs, longest {_longestDelay:N0} µs"
                );
                _peak = 0;
                foreach (var gateway in fleet.Gateways.Take(options.Replaced))
                {
                    _ = Libc.Kill(gateway, Libc.SIGTERM);
                }

                Say($"{options.Replaced} gateways are told to drain, each at {options.DrainsPerSecond}/s");
            }
            else if (
                replaced
                && allBack is null
                && totals.Live == options.Connections
                && totals.Closes.Values.Sum() >= options.Connections / (double)options.Gateways * options.Replaced * 0.8
            )
            {
                allBack = elapsed - options.RolloutAfter;
                Say(
                    $"all back {allBack.Value.TotalSeconds:0} s later; at most {_peak:N0} came back within a second; the longest was away {_longestAway:0.0} s"
                );
            }

            if (second % 30 == 0)
            {
                Say(
                    $"{elapsed.TotalSeconds:0} s: {Format(totals)}; published {publisher.Sent:N0}, refused {publisher.Failed:N0} {publisher.LastFailure}"
                );
            }
        }

        await stop.CancelAsync();
        await publishing;
        await Task.Delay(TimeSpan.FromSeconds(3), cancellation);
        var end = Read(fleet);
        Say($"after {options.Hold.TotalSeconds:0} s: {Format(end)}; {fleet.ReadyGateways} gateways");
        Say(
            $"published {publisher.Sent:N0}, arrived {end.Messages:N0} (of users who were away some may not have), strays {end.Strays}, refused {publisher.Failed}"
        );
    }

    private double Each(int[] processes, in CpuReading before) =>
        (CpuMeter.Read(processes) - before).CpuNanoseconds / 1000.0 / options.Connections;

    private MillionTotals Read(MillionFleet fleet)
    {
        MillionRoom.CheckMemory();
        fleet.CheckAlive();
        _clients.ForEach(client => client.CheckAlive());
        var totals = MillionTotals.Of([.. _clients.Select(client => client.Last)]);
        _peak = Math.Max(_peak, totals.ConnectedNow);
        _longestAway = Math.Max(_longestAway, totals.LongestAway);
        _longestDelay = Math.Max(_longestDelay, totals.Max);
        return totals;
    }

    private static void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    private static string Format(MillionMemory memory) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"kernel {memory.Kernel / 1048576.0:N0} MiB, fleet {memory.Fleet / 1048576.0:N0} MiB, clients {memory.Clients / 1048576.0:N0} MiB"
        );

    private static string Format(MillionTotals totals) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{totals.Live:N0} live, {totals.Connected:N0} connects, {totals.Failed:N0} failed ({totals.LastFailure}), closes {string.Join(", ", totals.Closes.OrderBy(code => code.Key).Select(code => $"{code.Key}: {code.Value:N0}"))}, {totals.Pings:N0} pings, {totals.Messages:N0} messages, p99 {totals.P99:N0} µs"
        );
}
