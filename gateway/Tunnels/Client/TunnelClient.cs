using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>Keeps one tunnel open for as long as it is run: comes again when it was lost, and gets the same public ports back.</summary>
/// <param name="options">What it is to do.</param>
/// <param name="output">Told of it.</param>
/// <param name="time">The clock.</param>
/// <param name="lookUp">Finds the addresses of the gateways; null: the system's resolver.</param>
internal sealed class TunnelClient(
    TunnelOptions options,
    TunnelOutput output,
    TimeProvider time,
    Func<string, CancellationToken, Task<IPAddress[]>>? lookUp = null
)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    /// <summary>Heartbeats come every half second.</summary>
    private static readonly TimeSpan SilentAfter = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(2);

    /// <summary>Visitors served at a time at most.</summary>
    private const int MaxVisitors = 10_000;

    private readonly Dialler _gateways = new(options.Host, options.Port, lookUp);
    private int _visitors;
    private long _visitorsTotal;
    private IReadOnlyList<LocalPort> _locals = options.Locals;
    private string? _key;
    private Carrier? _carrier;

    /// <summary>How long the gateways keep the ports for this client, and when it was with them last.</summary>
    private TimeSpan _grace;
    private long _lost;

    /// <summary>Visitors ever. Thread-safe.</summary>
    public long VisitorsTotal => Interlocked.Read(ref _visitorsTotal);

    /// <summary>Runs until cancelled; with <see cref="TunnelOptions.Once"/>, until the first failure. The exit code.</summary>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        using var carrier = options.Tls ? null : new Carrier();
        _carrier = carrier;
        var wait = FirstWait;
        while (true)
        {
            var opened = time.GetTimestamp();
            try
            {
                await ServeAsync(cancellation);
                return 0;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return 0;
            }
            catch (Exception error) when (IsOfTheWay(error))
            {
                var refused = error is TunnelRefusedException;
                var reason = error switch
                {
                    EndOfStreamException => "the gateway has closed the connection",
                    InvalidOperationException => TunnelWire.NoMessage,
                    _ => error.Message,
                };
                output.Say(refused ? "refused" : "lost", $"{(refused ? "refused" : "lost")}: {reason}", ("reason", reason));
                if (options.Once)
                {
                    return 1;
                }
            }

            if (time.GetElapsedTime(opened) > LongestWait)
            {
                wait = FirstWait;
            }

            // Half of it by lot, so that all who were lost at once do not come at once.
            var pause = wait / 2 + TimeSpan.FromTicks((long)(Random.Shared.NextDouble() * wait.Ticks / 2));
            output.Say("waiting", $"again in {pause.TotalSeconds:0.0} s", ("milliseconds", (int)pause.TotalMilliseconds));
            wait = wait * 2 > LongestWait ? LongestWait : wait * 2;
            try
            {
                await Task.Delay(pause, time, cancellation);
            }
            catch (OperationCanceledException)
            {
                return 0;
            }
        }
    }

    /// <summary>Opens the tunnel and serves it; ends by an exception.</summary>
    private async Task ServeAsync(CancellationToken cancellation)
    {
        output.Say("connecting", $"connecting to {options.Host}:{options.Port}", ("to", $"{options.Host}:{options.Port}"));
        await using var control = await TunnelWire.DialAsync(options, _gateways, _carrier, cancellation);
        try
        {
            await ServeAsync(control, cancellation);
        }
        catch (Exception error) when (IsOfTheWay(error))
        {
            // Another of the gateways may be better off.
            _gateways.Failed(control.Address);
            throw;
        }
    }

    private async Task ServeAsync(TunnelWire control, CancellationToken cancellation)
    {
        var request = new OpenRequest
        {
            Ports =
            [
                .. _locals.Select(local => new PortRequest
                {
                    Protocol = local.Protocol,
                    Port = local.PublicPort,
                    Name = local.Name,
                }),
            ],
            Resume = _key,
            Pool = options.Pool,
            Echoes = true,
        };
        await control.SendAsync($"{{\"Open\":{JsonSerializer.Serialize(request, TunnelJson.Default.OpenRequest)}}}", cancellation);
        OpenAnswer answer;
        try
        {
            answer = Read(await control.AnswerAsync(cancellation));
        }
        catch (TunnelRefusedException refused) when (_key is not null)
        {
            if (TunnelRefusal.IsOfAPort(refused.Message) && time.GetElapsedTime(_lost) > _grace)
            {
                // The ports are somebody else's by now: what was asked for at first may still be had.
                (_key, _locals) = (null, options.Locals);
            }

            throw;
        }
        catch (IOException error)
            when (error is not TunnelRefusedException && error.InnerException is not OperationCanceledException && _key is null)
        {
            var reason = error is EndOfStreamException ? "the gateway has closed the connection" : error.Message.TrimEnd('.');
            var hint = options.Tls ? "does it want an own certificate (--cert), or another one?" : "does it want TLS?";
            throw new IOException($"{reason} before it has answered: {hint}", error);
        }

        Note(answer);
        // For its data connections too: through another gateway they would have a longer way.
        _gateways.Prefer(control.Address);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var pool = Enumerable.Range(0, options.Pool).Select(_ => KeepReadyAsync(answer, over.Token)).ToList();
        var beating = BeatAsync(control, over.Token);
        try
        {
            await ListenAsync(control, over.Token);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await SayByeAsync(control);
            throw;
        }
        finally
        {
            _lost = time.GetTimestamp();
            await over.CancelAsync();
            await Task.WhenAll([.. pool, beating]);
        }
    }

    private void Note(OpenAnswer answer)
    {
        (_key, _grace) = (answer.Key, TimeSpan.FromMilliseconds(answer.GraceMs));
        _locals =
        [
            .. _locals.Select((local, i) => local with { PublicPort = answer.Ports[i].Port, Name = answer.Ports[i].Host?.Split('.')[0] }),
        ];
        for (var i = 0; i < answer.Ports.Count; i++)
        {
            var port = answer.Ports[i];
            var at = port.Host ?? $"{options.Host}:{port.Port}";
            output.Say(
                "open",
                $"{at} ({port.Protocol.ToString().ToLowerInvariant()}) leads to {_locals[i]}, through {answer.Gateway}",
                ("tunnel", answer.Tunnel),
                ("gateway", answer.Gateway),
                ("protocol", port.Protocol.ToString().ToLowerInvariant()),
                ("port", port.Port),
                ("host", port.Host),
                ("local", _locals[i].ToString()),
                ("resumed", answer.Resumed)
            );
        }
    }

    private async Task ListenAsync(TunnelWire control, CancellationToken cancellation)
    {
        while (true)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(SilentAfter);
            JsonElement message;
            try
            {
                message = await control.ReadAsync(limit.Token);
            }
            catch (OperationCanceledException late) when (!cancellation.IsCancellationRequested)
            {
                throw new IOException("the gateway is silent", late);
            }

            if (message.ValueKind == JsonValueKind.String)
            {
                if (message.ValueEquals("Goodbye"))
                {
                    throw new IOException("the gateway ends, and sends its clients to others");
                }
            }
            else if (message.TryGetProperty("Error", out var error))
            {
                throw new TunnelRefusedException(error.ToString());
            }
            else if (message.TryGetProperty("Visit", out var json) && ReadVisit(json) is { Id: { } id } visit)
            {
                _ = FetchAsync(id, visit, cancellation);
            }
        }
    }

    /// <summary>Brings the data connection of a visitor, and serves it.</summary>
    private async Task FetchAsync(Guid id, VisitMessage visit, CancellationToken cancellation)
    {
        try
        {
            await using var wire = await TunnelWire.DialAsync(options, _gateways, _carrier, cancellation);
            await wire.SendAsync($"{{\"Accept\":\"{id:D}\"}}", cancellation);
            await CarryAsync(wire, visit);
        }
        catch (Exception error) when (IsOfTheWay(error))
        {
            Failed(visit, error);
        }
    }

    /// <summary>Keeps one data connection ready for the next visitor, for as long as the tunnel lives.</summary>
    private async Task KeepReadyAsync(OpenAnswer answer, CancellationToken cancellation)
    {
        var wait = FirstWait;
        while (!cancellation.IsCancellationRequested)
        {
            TunnelWire? wire = null;
            try
            {
                wire = await TunnelWire.DialAsync(options, _gateways, _carrier, cancellation);
                await wire.SendAsync($"{{\"Ready\":\"{answer.Ready:D}\"}}", cancellation);
                if (await WaitReadyAsync(wire, answer, cancellation) is { } visit)
                {
                    _ = CarryReadyAsync(wire, visit);
                    (wire, wait) = (null, FirstWait);
                    continue;
                }
            }
            catch (Exception error) when (IsOfTheWay(error))
            {
                // The next one may have more luck.
            }
            finally
            {
                await (wire?.DisposeAsync() ?? ValueTask.CompletedTask);
            }

            try
            {
                await Task.Delay(wait, time, cancellation);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            wait = wait * 2 > LongestWait ? LongestWait : wait * 2;
        }
    }

    /// <summary>Waits for a visitor, and says meanwhile that it is there. Null: the gateway says what no message is.</summary>
    /// <exception cref="IOException">The gateway is silent: some box or gateway on the way may be dead.</exception>
    private static async Task<VisitMessage?> WaitReadyAsync(TunnelWire wire, OpenAnswer answer, CancellationToken cancellation)
    {
        while (true)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            if (answer.ReadyHeartbeatMs > 0)
            {
                limit.CancelAfter(TimeSpan.FromMilliseconds(answer.ReadyHeartbeatMs * 3.0));
            }

            JsonElement message;
            try
            {
                message = await wire.ReadAsync(limit.Token);
            }
            catch (OperationCanceledException late) when (!cancellation.IsCancellationRequested)
            {
                throw new IOException("a data connection is silent", late);
            }

            if (message.ValueKind == JsonValueKind.String && message.ValueEquals("Heartbeat"))
            {
                await wire.SendAsync("\"Heartbeat\"", cancellation);
                continue;
            }

            return
                message.ValueKind == JsonValueKind.Object && message.TryGetProperty("Visit", out var json) && ReadVisit(json) is { } visit
                ? visit
                : null;
        }
    }

    private async Task CarryReadyAsync(TunnelWire wire, VisitMessage visit)
    {
        try
        {
            await using var _ = wire;
            if (visit.Answer == true)
            {
                await wire.SendAsync("\"Go\"", CancellationToken.None);
            }

            await CarryAsync(wire, visit);
        }
        catch (Exception error) when (IsOfTheWay(error))
        {
            Failed(visit, error);
        }
    }

    private async Task CarryAsync(TunnelWire wire, VisitMessage visit)
    {
        Interlocked.Increment(ref _visitorsTotal);
        try
        {
            if (
                Interlocked.Increment(ref _visitors) + (_carrier?.Pairs ?? 0) > MaxVisitors
                || visit.Port < 0
                || visit.Port >= _locals.Count
            )
            {
                throw new IOException("there is no room for it");
            }

            var local = _locals[visit.Port];
            if (local.Protocol == TunnelProtocol.Udp)
            {
                using var carrier = new DatagramCarrier(wire, local, time);
                await carrier.RunAsync();
            }
            else if (_carrier is null)
            {
                await StreamCarrier.RunAsync(wire, local);
            }
            else
            {
                await StreamCarrier.PassAsync(_carrier, wire, local);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _visitors);
        }
    }

    private void Failed(VisitMessage visit, Exception error) =>
        output.Say(
            "visitor_failed",
            $"a visitor{(visit.From is null ? "" : $" from {visit.From}")} could not be served: {error.Message}",
            ("from", visit.From),
            ("reason", error.Message)
        );

    private async Task BeatAsync(TunnelWire control, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Beat, time, cancellation);
                await control.SendAsync("\"Heartbeat\"", cancellation);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Whoever reads notices.
        }
    }

    private static async Task SayByeAsync(TunnelWire control)
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await control.SendAsync("\"Bye\"", limit.Token);
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Then the gateway keeps the ports for a while.
        }
    }

    /// <summary>The way to the gateway has failed, or what came is no message: JSON of another kind than was looked for is an InvalidOperationException.</summary>
    private static bool IsOfTheWay(Exception error) =>
        error is IOException or SocketException or OperationCanceledException or InvalidOperationException;

    private OpenAnswer Read(JsonElement message)
    {
        try
        {
            if (
                message.ValueKind == JsonValueKind.Object
                && message.TryGetProperty("Opened", out var opened)
                && opened.Deserialize(TunnelJson.Default.OpenAnswer) is { } answer
                && answer.Ports.Count == _locals.Count
                && answer.Ports.All(static port => port is not null)
            )
            {
                return answer;
            }
        }
        catch (JsonException)
        {
            // As anything else that is none.
        }

        throw new IOException("the gateway has not answered in the protocol of 'gateway tunnel': is it a bore server?");
    }

    private static VisitMessage? ReadVisit(JsonElement json)
    {
        try
        {
            return json.Deserialize(TunnelJson.Default.VisitMessage);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
