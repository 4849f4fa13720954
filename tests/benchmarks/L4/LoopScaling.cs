using System.Globalization;
using Mooring.Benchmarks.Backend;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4.Servers;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.L4;

/// <summary>What a round trip costs with two loops beside one, and how evenly the loops share the work.</summary>
/// <remarks>Everything may run on every core here, with one loop as with two: or the second loop's neighbours would be what is measured.</remarks>
internal sealed class LoopScaling(L4Options options, Samples samples, List<string> notes)
{
    private const int Connections = 200;

    public async Task MeasureAsync(CancellationToken cancellation)
    {
        if (Environment.ProcessorCount < 2)
        {
            notes.Add("two loops need two cores");
            return;
        }

        await using var backend = await BackendProcess.StartAsync(cancellation, Cores.All);
        await using var load = new LoadProcess(Cores.All);
        ListenerPlan[] listeners = [new("echo", backend.Echo)];
        await using var one = await new GatewayServer("one loop", options.Gateway, everyCore: true).StartAsync(listeners, cancellation);
        await using var two = await new GatewayServer("two loops", options.Gateway, loops: 2).StartAsync(listeners, cancellation);
        for (var round = -1; round < (options.Quick ? 2 : 4); round++)
        {
            var (first, _) = await TakeAsync(one, load, cancellation);
            var (second, share) = await TakeAsync(two, load, cancellation);
            if (round < 0)
            {
                // For the compiler.
                continue;
            }

            samples.Add("loops/cpu", one.Name, first);
            samples.Add("loops/cpu", two.Name, second);
            samples.Add("loops/growth", GatewayServer.ServerName, second / first);
            samples.Add("loops/share", GatewayServer.ServerName, share);
        }
    }

    /// <summary>CPU seconds per million round trips, and the busiest loop's share of all loops' CPU.</summary>
    private async Task<(double Cpu, double Share)> TakeAsync(RunningServer server, LoadProcess load, CancellationToken cancellation)
    {
        var request = new LoadRequest
        {
            Kind = LoadKind.RoundTrips,
            Target = server.Target("echo"),
            Connections = Connections,
            SettleMilliseconds = options.SettleMilliseconds,
            MeasureMilliseconds = options.MeasureMilliseconds,
            Processes = server.Processes,
        };
        var before = LoopTimes(server.Processes[0]);
        var result = await load.RunAsync(server.Name, request, cancellation);
        var used = LoopTimes(server.Processes[0]).Zip(before, static (after, start) => after - start).ToArray();
        return (result.CpuSeconds / (result.Operations / 1e6), used.Max() / used.Sum());
    }

    /// <summary>On-CPU nanoseconds of each loop's thread.</summary>
    private static double[] LoopTimes(int process) =>
        [
            .. Directory
                .EnumerateDirectories($"/proc/{process}/task")
                .Where(task => File.ReadAllText($"{task}/comm").StartsWith("loop-", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .Select(task => double.Parse(File.ReadAllText($"{task}/schedstat").Split(' ')[0], CultureInfo.InvariantCulture)),
        ];
}
