using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mooring.Chaos.Tests;

/// <summary>Comes to public ports, and looks who answers.</summary>
internal sealed class Visitors(TunnelFleet fleet, IReadOnlyList<PublicPort> ports)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private long _served;
    private long _failed;

    public long Served => Volatile.Read(ref _served);

    public long Failed => Volatile.Read(ref _failed);

    /// <summary>Somebody else than the port's own service has answered. There is no excuse for that.</summary>
    public ConcurrentQueue<string> Strangers { get; } = new();

    /// <summary>Comes to ports by lot, through gateways by lot, until it is cancelled.</summary>
    public async Task LoadAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            if (fleet.Up is { Count: > 0 } up)
            {
                var port = ports[Random.Shared.Next(ports.Count)];
                if (await VisitAsync(port, up[Random.Shared.Next(up.Count)]))
                {
                    Interlocked.Increment(ref _served);
                    continue;
                }

                Interlocked.Increment(ref _failed);
            }

            // Who is refused at once does not come again at once.
            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <summary>The port's own service answers through this gateway.</summary>
    public async Task<bool> VisitAsync(PublicPort port, GatewayHost gateway)
    {
        var number = port.Number;
        using var limit = new CancellationTokenSource(Limit);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new IPEndPoint(gateway.Server.Address, number), limit.Token);
            var words = $"{Guid.NewGuid():N}\n";
            await socket.SendAsync(Encoding.ASCII.GetBytes(words), limit.Token);
            var buffer = new byte[256];
            var have = 0;
            while (have == 0 || buffer[have - 1] != (byte)'\n')
            {
                var count = await socket.ReceiveAsync(buffer.AsMemory(have), limit.Token);
                if (count == 0)
                {
                    return false;
                }

                have += count;
            }

            var answer = Encoding.ASCII.GetString(buffer, 0, have);
            if (answer == $"{port.Name} {words}")
            {
                return true;
            }

            // Another tunnel may have got the port while this one had none.
            if (port.Number == number && ports.Count(one => one.Number == number) > 1)
            {
                Strangers.Enqueue($"{port.Name}, port {number} through {gateway.Name}: '{answer.Trim()}'");
            }

            return false;
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Visits each port until its own service answers through the gateways that <paramref name="through"/> chooses; how long the last one took.</summary>
    /// <returns>Those that did not answer in time.</returns>
    public async Task<(TimeSpan Last, IReadOnlyList<PublicPort> Missing)> AllAnswerAsync(
        Func<IReadOnlyList<GatewayHost>> through,
        TimeSpan limit,
        int atOnce
    )
    {
        var since = Stopwatch.GetTimestamp();
        var missing = new ConcurrentBag<PublicPort>();
        var last = TimeSpan.Zero;
        await Parallel.ForEachAsync(
            ports,
            new ParallelOptions { MaxDegreeOfParallelism = atOnce },
            async (port, cancellation) =>
            {
                while (!await AnswersAsync(port, through()))
                {
                    if (Stopwatch.GetElapsedTime(since) > limit)
                    {
                        missing.Add(port);
                        return;
                    }

                    await Task.Delay(100, cancellation);
                }
            }
        );
        last = Stopwatch.GetElapsedTime(since);
        return (last, [.. missing]);
    }

    private async Task<bool> AnswersAsync(PublicPort port, IReadOnlyList<GatewayHost> gateways)
    {
        if (port.Number == 0)
        {
            return false;
        }

        foreach (var gateway in gateways)
        {
            if (!await VisitAsync(port, gateway))
            {
                return false;
            }
        }

        return true;
    }
}
