using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>The client of <c>gateway tunnel</c>, through a relay that the test can cut or send elsewhere.</summary>
internal sealed class OwnClient : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _relay = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _carried = [];
    private readonly Lock _gate = new();
    private readonly Lines _lines = new();
    private IPEndPoint? _target;
    private int _stalled;
    private Task<int> _running = Task.FromResult(0);
    private int _opens;

    private OwnClient(IPEndPoint target)
    {
        _target = target;
        _relay.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _relay.Listen();
        _ = AcceptAsync();
    }

    public IReadOnlyList<int> Ports => [.. LastOpen().Select(line => line.GetProperty("port").GetInt32())];

    public bool Resumed => LastOpen()[0].GetProperty("resumed").GetBoolean();

    public IReadOnlyList<JsonElement> Events => _lines.All();

    public static async Task<OwnClient> StartAsync(
        IPEndPoint server,
        IReadOnlyList<LocalPort> locals,
        Func<TunnelOptions, TunnelOptions>? change = null
    )
    {
        var client = new OwnClient(server);
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)client._relay.LocalEndPoint!).Port,
            Locals = locals,
            Pool = 1,
        };
        var output = new TunnelOutput(client._lines, json: true, TimeProvider.System);
        client._locals = locals.Count;
        client._running = Task.Run(() =>
            new TunnelClient(change?.Invoke(options) ?? options, output, TimeProvider.System).RunAsync(client._stop.Token)
        );
        await client.OpenedAsync();
        return client;
    }

    private int _locals;

    /// <summary>Breaks every connection, and lets no new one through.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            _target = null;
            foreach (var socket in _carried)
            {
                socket.Close(0);
            }

            _carried.Clear();
        }
    }

    /// <summary>Every connection stays open, and carries nothing any more; new ones do.</summary>
    public void Stall() => Interlocked.Increment(ref _stalled);

    /// <summary>Breaks every connection; new ones go to another gateway. Waits until the tunnel is open there.</summary>
    public async Task MoveAsync(IPEndPoint server)
    {
        Cut();
        lock (_gate)
        {
            _target = server;
        }

        await OpenedAsync();
    }

    /// <summary>Waits until the tunnel is open once more.</summary>
    public Task ReopenedAsync() => OpenedAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        Cut();
        _relay.Dispose();
        _stop.Dispose();
        await _lines.DisposeAsync();
    }

    private async Task OpenedAsync()
    {
        _opens += _locals;
        await Until.TrueAsync(() => Opens().Count >= _opens, TunnelRig.Patience, $"the tunnel is open ({string.Join(' ', Events)})");
    }

    private List<JsonElement> Opens() => [.. Events.Where(line => line.GetProperty("event").GetString() == "open")];

    private List<JsonElement> LastOpen() => [.. Opens().TakeLast(_locals)];

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _relay.AcceptAsync();
                client.NoDelay = true;
                _ = CarryAsync(client);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task CarryAsync(Socket client)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            IPEndPoint? target;
            lock (_gate)
            {
                target = _target;
                _carried.Add(client);
                _carried.Add(server);
            }

            if (target is null)
            {
                client.Close(0);
                return;
            }

            await server.ConnectAsync(target);
            await Task.WhenAll(PumpAsync(client, server), PumpAsync(server, client));
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Cut.
        }
        finally
        {
            client.Dispose();
            server.Dispose();
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var stalled = Volatile.Read(ref _stalled);
        var buffer = new byte[65_536];
        while (await from.ReceiveAsync(buffer) is > 0 and var count)
        {
            if (Volatile.Read(ref _stalled) != stalled)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, _stop.Token);
            }

            for (var sent = 0; sent < count; )
            {
                sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
            }
        }

        to.Shutdown(SocketShutdown.Send);
    }

    /// <summary>What the client has said.</summary>
    private sealed class Lines : StringWriter
    {
        private readonly Lock _gate = new();
        private readonly List<JsonElement> _all = [];

        public override void WriteLine(string? value)
        {
            lock (_gate)
            {
                using var document = JsonDocument.Parse(value!);
                _all.Add(document.RootElement.Clone());
            }
        }

        public IReadOnlyList<JsonElement> All()
        {
            lock (_gate)
            {
                return [.. _all];
            }
        }
    }
}
