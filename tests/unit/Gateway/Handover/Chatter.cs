using System.Net.Sockets;
using Mooring.Gateway.Tests.Listeners;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>A client that sends random bytes to an echo and compares what comes back, in both directions at once, until told to end.</summary>
internal sealed class Chatter : IDisposable
{
    private readonly Socket _socket;
    private readonly int _seed;
    private readonly int _longest;
    private readonly TimeSpan _pause;
    private volatile bool _ending;
    private long _sent;
    private long _received;

    public Chatter(Socket socket, int seed, int longest, TimeSpan pause = default)
    {
        (_socket, _seed, _longest, _pause) = (socket, seed, longest, pause);
        Running = Task.WhenAll(Task.Run(SendAsync), Task.Run(ReceiveAsync));
    }

    /// <summary>Fails when a byte is wrong, missing or too many.</summary>
    public Task Running { get; }

    public long Received => Interlocked.Read(ref _received);

    /// <summary>Says goodbye, and waits for the rest to come back.</summary>
    public async Task EndAsync()
    {
        _ending = true;
        await Running.WaitAsync(EngineHarness.Patience * 2);
        Interlocked.Read(ref _received).ShouldBe(Interlocked.Read(ref _sent));
    }

    public void Dispose() => _socket.Dispose();

    private async Task SendAsync()
    {
        var bytes = new Random(_seed);
        var sizes = new Random(~_seed);
        while (!_ending)
        {
            var data = new byte[sizes.Next(1, _longest)];
            bytes.NextBytes(data);
            for (var at = 0; at < data.Length; )
            {
                at += await _socket.SendAsync(data.AsMemory(at));
            }

            Interlocked.Add(ref _sent, data.Length);
            if (_pause > TimeSpan.Zero)
            {
                await Task.Delay(_pause);
            }
        }

        _socket.Shutdown(SocketShutdown.Send);
    }

    private async Task ReceiveAsync()
    {
        // NextBytes of a Random in pieces is not NextBytes of it at once, so the pieces are made as the sender makes them.
        var bytes = new Random(_seed);
        var sizes = new Random(~_seed);
        var expected = Array.Empty<byte>();
        var at = 0;
        var buffer = new byte[64 * 1024];
        while (await _socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            for (var done = 0; done < count; )
            {
                if (at == expected.Length)
                {
                    expected = new byte[sizes.Next(1, _longest)];
                    bytes.NextBytes(expected);
                    at = 0;
                }

                var piece = Math.Min(count - done, expected.Length - at);
                buffer.AsSpan(done, piece).SequenceEqual(expected.AsSpan(at, piece)).ShouldBeTrue("the bytes that came back");
                done += piece;
                at += piece;
            }

            Interlocked.Add(ref _received, count);
        }
    }
}
