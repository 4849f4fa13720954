using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Chaos.Tests;

/// <summary>One public port that a test wants to have, and the name that whoever comes there must find.</summary>
internal sealed class PublicPort(string name)
{
    private int _number;

    public string Name => name;

    /// <summary>0: it has none yet.</summary>
    public int Number
    {
        get => Volatile.Read(ref _number);
        private set => Volatile.Write(ref _number, value);
    }

    /// <summary>The number that it got first; what it has later must be the same.</summary>
    public int First { get; private set; }

    /// <summary>Times at which the client was told that it has it.</summary>
    public ConcurrentQueue<long> Opened { get; } = new();

    /// <summary>The client has been told its number.</summary>
    public void Take(int number)
    {
        Number = number;
        First = First == 0 ? number : First;
        Opened.Enqueue(Stopwatch.GetTimestamp());
    }
}

/// <summary>A local service that says its name, and what else it was told.</summary>
internal sealed class NamedService : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public NamedService(string name)
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _ = ServeAsync(name);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose() => _listener.Dispose();

    /// <summary>Answers each line with the name and the line, until the visitor ends.</summary>
    public static async Task AnswerAsync(Socket visitor, string name)
    {
        using (visitor)
        {
            try
            {
                var buffer = new byte[256];
                var have = 0;
                while (have < buffer.Length)
                {
                    var count = await visitor.ReceiveAsync(buffer.AsMemory(have));
                    if (count == 0)
                    {
                        visitor.Shutdown(SocketShutdown.Send);
                        return;
                    }

                    have += count;
                    if (buffer[have - 1] == (byte)'\n')
                    {
                        await visitor.SendAsync(Encoding.ASCII.GetBytes($"{name} {Encoding.ASCII.GetString(buffer, 0, have)}"));
                        have = 0;
                    }
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The visitor is gone.
            }
        }
    }

    private async Task ServeAsync(string name)
    {
        try
        {
            while (true)
            {
                _ = AnswerAsync(await _listener.AcceptAsync(), name);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}

/// <summary>Clients of tunnels that run until they are told to leave.</summary>
internal abstract class TunnelClientUnderTest : IAsyncDisposable
{
    public List<PublicPort> Ports { get; } = [];

    /// <summary>Leaves as a client does that is ended by its user.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>The client of <c>gateway tunnel</c>, in this process.</summary>
internal sealed class OwnTunnel : TunnelClientUnderTest
{
    private readonly CancellationTokenSource _stop = new();
    private readonly NamedService _service;
    private readonly Task _running;

    /// <param name="name">What its service says; see <see cref="NamedService"/>.</param>
    /// <param name="door">Port of the gateways.</param>
    /// <param name="host">Their address.</param>
    /// <param name="local">Another service than that; 0: none.</param>
    public OwnTunnel(string name, int door, string host = "127.0.0.1", int local = 0)
    {
        _service = new NamedService(name);
        Ports.Add(new PublicPort(name));
        var options = new TunnelOptions
        {
            Host = host,
            Port = door,
            Locals = [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", local > 0 ? local : _service.Port, 0, null)],
            Pool = 1,
        };
        var output = new TunnelOutput(new OpenLines(Ports), json: true, TimeProvider.System);
        _running = Task.Run(() => new TunnelClient(options, output, TimeProvider.System).RunAsync(_stop.Token));
    }

    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _service.Dispose();
        _stop.Dispose();
    }
}

/// <summary><c>gateway tunnel</c> as a process, with several ports.</summary>
internal sealed class ProcessTunnel : TunnelClientUnderTest
{
    private readonly List<NamedService> _services = [];
    private readonly Process _process;

    public ProcessTunnel(IReadOnlyList<string> names, int door)
    {
        var arguments = new List<string> { "tunnel", "--to", $"127.0.0.1:{door}", "--pool", "1", "-o", "json" };
        foreach (var name in names)
        {
            var service = new NamedService(name);
            _services.Add(service);
            Ports.Add(new PublicPort(name));
            arguments.AddRange(["--local", $"{service.Port}"]);
        }

        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "gateway"), arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        _process = Process.Start(start)!;
        var lines = new OpenLines(Ports);
        _process.OutputDataReceived += (_, line) => lines.WriteLine(line.Data);
        _process.BeginOutputReadLine();
    }

    public override async ValueTask DisposeAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]))
        {
            await kill.WaitForExitAsync();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        _services.ForEach(static service => service.Dispose());
    }
}

/// <summary>A bore client in a loop that starts it again when it ends: its bytes are bore's, by the protocol's description.</summary>
internal sealed class BoreTunnel : TunnelClientUnderTest
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TunnelFleet _fleet;
    private readonly PublicPort _port;
    private readonly Task _running;

    public BoreTunnel(string name, TunnelFleet fleet)
    {
        (_fleet, _port) = (fleet, new PublicPort(name));
        Ports.Add(_port);
        _running = Task.Run(RunAsync);
    }

    public ConcurrentDictionary<string, int> Refusals { get; } = new();

    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var control = await FrontDoor.DialAsync(_fleet);
                await ServeAsync(control);
            }
            catch (Exception error) when (error is SocketException or EndOfStreamException or OperationCanceledException)
            {
                // It has ended; the loop starts it again.
            }

            await Task.Delay(Random.Shared.Next(200, 600), _stop.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private async Task ServeAsync(Socket control)
    {
        await control.SendAsync(Encoding.ASCII.GetBytes($"{{\"Hello\":{_port.First}}}\0"), _stop.Token);
        var buffer = new byte[256];
        var have = 0;
        while (true)
        {
            var end = Array.IndexOf(buffer, (byte)0, 0, have);
            if (end < 0)
            {
                // Heartbeats come every half second; a real bore would wait for ever, its user would not.
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                limit.CancelAfter(TimeSpan.FromSeconds(10));
                var count = await control.ReceiveAsync(buffer.AsMemory(have), limit.Token);
                have += count > 0 ? count : throw new EndOfStreamException();
                continue;
            }

            var frame = Encoding.ASCII.GetString(buffer, 0, end);
            buffer.AsSpan(end + 1, have - end - 1).CopyTo(buffer);
            have -= end + 1;
            if (frame.StartsWith("{\"Hello\":", StringComparison.Ordinal))
            {
                _port.Take(int.Parse(frame.AsSpan(9, frame.Length - 10), CultureInfo.InvariantCulture));
            }
            else if (frame.StartsWith("{\"Connection\":\"", StringComparison.Ordinal))
            {
                _ = AcceptAsync(frame[15..^2]);
            }
            else if (frame.StartsWith("{\"Error\":", StringComparison.Ordinal))
            {
                Refusals.AddOrUpdate(frame, 1, static (_, count) => count + 1);
                return;
            }
        }
    }

    private async Task AcceptAsync(string id)
    {
        try
        {
            // By any gateway, as a Service has it.
            var data = await FrontDoor.DialAsync(_fleet);
            await data.SendAsync(Encoding.ASCII.GetBytes($"{{\"Accept\":\"{id}\"}}\0"));
            await NamedService.AnswerAsync(data, _port.Name);
        }
        catch (SocketException)
        {
            // That gateway is gone; the visitor's time runs out.
        }
    }
}

/// <summary>Takes the public ports from what the client says.</summary>
internal sealed class OpenLines(List<PublicPort> ports) : StringWriter
{
    private int _next;

    public override void WriteLine(string? value)
    {
        if (value is null || !value.Contains("\"event\":\"open\"", StringComparison.Ordinal))
        {
            return;
        }

        using var line = JsonDocument.Parse(value);
        // One line for each port, in their order, each time that the tunnel is opened.
        ports[_next++ % ports.Count].Take(line.RootElement.GetProperty("port").GetInt32());
    }
}
