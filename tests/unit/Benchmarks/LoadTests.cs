using System.Net;
using System.Net.Sockets;
using Mooring.Benchmarks.Backend;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.Tests;

/// <summary>The loads straight against the backend, and against servers that break what they carry.</summary>
public sealed class LoadTests
{
    [Theory]
    [InlineData(nameof(LoadKind.RoundTrips), false)]
    [InlineData(nameof(LoadKind.Connects), false)]
    [InlineData(nameof(LoadKind.Bulk), true)]
    public void Run_SoundServer_CountsWhatPassed(string kind, bool bulk)
    {
        // The backend's loop ends with its process.
        var backend = new BackendLoop();
        var at = new IPEndPoint(IPAddress.Loopback, Ports.Free());
        backend.Listen(at, bulk);
        new Thread(backend.Run) { IsBackground = true }.Start();

        var result = Run(kind, at);

        result.Bytes.ShouldBeGreaterThan(0);
        result.CpuSeconds.ShouldBeGreaterThan(0);
        result.WallSeconds.ShouldBeGreaterThanOrEqualTo(0.1);
        if (!bulk)
        {
            result.Operations.ShouldBeGreaterThan(0);
            result.P50.ShouldBeInRange(0.1, result.P999);
        }
    }

    [Theory]
    [InlineData(nameof(LoadKind.RoundTrips))]
    [InlineData(nameof(LoadKind.Connects))]
    [InlineData(nameof(LoadKind.Bulk))]
    public void Run_ServerChangesAByte_Fails(string kind)
    {
        using var server = new BrokenServer(socket =>
        {
            var bytes = new byte[64];
            var length = socket.Receive(bytes);
            bytes[length - 1] ^= 1;
            socket.Send(bytes.AsSpan(0, length));
        });
        Should.Throw<LoadFailedException>(() => Run(kind, server.EndPoint)).Message.ShouldMatch("differs|wrong bytes");
    }

    [Theory]
    [InlineData(nameof(LoadKind.RoundTrips), "closed with 0 of 64 bytes")]
    [InlineData(nameof(LoadKind.Bulk), "ended after 0 of")]
    public void Run_ServerLosesBytes_Fails(string kind, string expected)
    {
        using var server = new BrokenServer(socket => socket.Receive(new byte[64]));
        Should.Throw<LoadFailedException>(() => Run(kind, server.EndPoint)).Message.ShouldContain(expected);
    }

    private static LoadResult Run(string kind, IPEndPoint at)
    {
        var request = new LoadRequest
        {
            Kind = Enum.Parse<LoadKind>(kind),
            Target = at.ToString(),
            Connections = 4,
            SettleMilliseconds = 20,
            MeasureMilliseconds = 100,
            Processes = [Environment.ProcessId],
        };
        return request.Kind switch
        {
            LoadKind.RoundTrips => RoundTripLoad.Run(request),
            LoadKind.Connects => ConnectLoad.Run(request),
            _ => BulkLoad.Run(request),
        };
    }

    /// <summary>Serves each connection once, by a thread of its own, and closes it.</summary>
    private sealed class BrokenServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public BrokenServer(Action<Socket> serve)
        {
            _listener.Start();
            new Thread(() => Accept(serve)) { IsBackground = true }.Start();
        }

        public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

        public void Dispose() => _listener.Dispose();

        private void Accept(Action<Socket> serve)
        {
            try
            {
                while (true)
                {
                    using var socket = _listener.AcceptSocket();
                    serve(socket);
                    socket.Shutdown(SocketShutdown.Both);
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                // The test is over.
            }
        }
    }
}
