using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>How a tunnel is opened: quotas, then ports one by one, all or none.</summary>
internal sealed partial class TunnelService
{
    /// <summary>Ports that are tried by lot, as bore has it.</summary>
    private const int MaxTries = 150;

    /// <summary>How long the owner before may take to let go of a port on the same host.</summary>
    private static readonly TimeSpan BindPatience = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan BindRetry = TimeSpan.FromMilliseconds(100);
    private static readonly string InUse = Errno.Describe(Errno.EADDRINUSE);
    private static readonly string Denied = Errno.Describe(13);

    private async Task<OpenResult> OpenAsync(OpenOrder order)
    {
        var request = order.Request;
        if (request.Version != 1)
        {
            return Refuse("version", $"this gateway speaks version 1 of the protocol, not {request.Version}");
        }

        if (request.Resume is { } former && TryResume(former, order) is { } same)
        {
            return new OpenResult(same, Resumed: true);
        }

        var registry = await RegistryAsync();
        if (WhyNot(order, registry) is var (reason, text))
        {
            return Refuse(reason, text);
        }

        var key = request.Resume ?? TunnelKey.New();
        order = order with { Print = order.IsBore ? "" : TunnelKey.Print(key) };
        var granted = new List<TunnelPort>();
        try
        {
            for (var i = 0; i < request.Ports.Count; i++)
            {
                var (port, error) = await GrantAsync(order, request.Ports[i], registry);
                if (port is null)
                {
                    GiveBack(granted);
                    order.Tenant.Closed();
                    return Refuse(error!.Value.Reason, error.Value.Text);
                }

                port.Index = i;
                granted.Add(port);
            }
        }
        catch
        {
            GiveBack(granted);
            order.Tenant.Closed();
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _opening);
        }

        var session = new TunnelSession
        {
            Name = $"{order.Listener.Name}-{Random.Shared.Next(0x1000000):x6}",
            Key = key,
            IsBore = order.IsBore,
            Listener = order.Listener,
            ListenerIndex = order.ListenerIndex,
            Tenant = order.Tenant,
            Loop = order.Loop,
            Client = order.Client,
            Opened = _time.GetUtcNow(),
            Ports = granted,
        };
        var taken = false;
        lock (_gate)
        {
            taken = !_sessions.TryAdd(session.Key, session);
            foreach (var port in granted)
            {
                port.Session = session;
                if (!taken)
                {
                    _ports[port.Thing] = port;
                }
            }
        }

        if (taken)
        {
            GiveBack(granted);
            order.Tenant.Closed();
            return Refuse("resume", "the tunnel is being opened already");
        }

        Interlocked.Increment(ref _openedTotal);
        Changed();
        return new OpenResult(session);
    }

    /// <summary>The tunnel that a client goes on with, where this gateway has it.</summary>
    private TunnelSession? TryResume(string key, OpenOrder order)
    {
        lock (_gate)
        {
            return
                _sessions.TryGetValue(key, out var session)
                && session.Listener == order.Listener
                && session.Tenant == order.Tenant
                && session.Ports.Count == order.Request.Ports.Count
                ? session
                : null;
        }
    }

    /// <summary>Takes a place for a tunnel, or says why there is none. With a place, <see cref="_opening"/> and the tenant count it.</summary>
    private (string Reason, string Text)? WhyNot(OpenOrder order, TunnelRegistry registry)
    {
        if (_engine.Mode != AcceptMode.Accept)
        {
            return ("draining", "this gateway is draining");
        }

        if (registry.Problem is not null || registry.Gateway.Generation == 0)
        {
            return ("registry", "the gateways' registry is away: no new tunnels at present");
        }

        if (
            order.IsBore is false
            && order.Request.Ports.Any(port => port.Protocol == TunnelProtocol.Name)
            && order.Listener.Config.Domain is null
        )
        {
            return ("name", "tunnels have no names here");
        }

        if (TunnelAdmission.WhyFull(registry, order.Listener.Capacity, Open().Count) is { } full)
        {
            return full;
        }

        int open;
        lock (_gate)
        {
            open = _sessions.Count;
        }

        if (open + Interlocked.Increment(ref _opening) > order.Listener.Capacity.MaxTunnels)
        {
            Interlocked.Decrement(ref _opening);
            return ("gateway_tunnels", $"this gateway has its limit of {order.Listener.Capacity.MaxTunnels} tunnels");
        }

        if (!order.Tenant.TryOpen())
        {
            Interlocked.Decrement(ref _opening);
            return ("tenant_tunnels", $"quota reached: {order.Tenant.Config!.MaxTunnels} tunnels");
        }

        return null;
    }

    private Task<(TunnelPort? Port, (string Reason, string Text)? Error)> GrantAsync(
        OpenOrder order,
        PortRequest wanted,
        TunnelRegistry registry
    ) => wanted.Protocol == TunnelProtocol.Name ? GrantNameAsync(order, wanted, registry) : GrantPortAsync(order, wanted, registry);

    private async Task<(TunnelPort? Port, (string Reason, string Text)? Error)> GrantPortAsync(
        OpenOrder order,
        PortRequest wanted,
        TunnelRegistry registry
    )
    {
        var range = order.Listener.RangeOf(order.Tenant)!;
        if (wanted.Port != 0)
        {
            return wanted.Port < range.Start || wanted.Port > range.End
                ? (null, ("port_range", "client port number not in allowed range"))
                : await TryPortAsync(order, wanted, wanted.Port, registry);
        }

        for (var tries = 0; tries < MaxTries; tries++)
        {
            var number = Random.Shared.Next(range.Start, range.End + 1);
            var (port, _) = await TryPortAsync(order, wanted, number, registry);
            if (port is not null)
            {
                return (port, null);
            }
        }

        return (null, ("no_port", "failed to find an available port"));
    }

    private async Task<(TunnelPort? Port, (string Reason, string Text)? Error)> TryPortAsync(
        OpenOrder order,
        PortRequest wanted,
        int number,
        TunnelRegistry registry
    )
    {
        if (wanted.Protocol == TunnelProtocol.Udp)
        {
            return await TryDatagramsAsync(order, number, registry);
        }

        var thing = Thing("tcp", number);
        if (!TryReserve(thing))
        {
            return (null, ("port_taken", "port already in use"));
        }

        var socket = -1;
        try
        {
            // Whoever comes back for a port may find the owner before still letting go of it; anybody else finds it taken.
            var resumes = order.Request.Resume is not null && wanted.Port != 0;
            socket = await TakeForeignAsync(thing);
            if (!resumes && socket < 0)
            {
                (socket, var problem) = Bind(number);
                if (problem is not null)
                {
                    Unreserve(thing);
                    return (null, ("port_bind", problem));
                }
            }

            var ownership = await ClaimAsync(thing, order, registry);
            if (ownership is null)
            {
                CloseSocket(socket);
                Unreserve(thing);
                return (null, ("port_taken", "port already in use"));
            }

            if (resumes && socket < 0)
            {
                (socket, var problem) = await BindLaterAsync(number);
                if (problem is not null)
                {
                    await registry.Registry.ReleaseAsync(thing, ownership);
                    Unreserve(thing);
                    return (null, ("port_bind", problem));
                }
            }

            return (
                new TunnelPort
                {
                    Protocol = wanted.Protocol,
                    Number = number,
                    Thing = thing,
                    Socket = socket,
                    Ownership = ownership,
                    Confirmed = _time.GetTimestamp(),
                },
                null
            );
        }
        catch
        {
            CloseSocket(socket);
            Unreserve(thing);
            throw;
        }
    }

    private async Task<(TunnelPort? Port, (string Reason, string Text)? Error)> TryDatagramsAsync(
        OpenOrder order,
        int number,
        TunnelRegistry registry
    )
    {
        if (!order.Listener.Config.Udp)
        {
            return (null, ("udp", "tunnels carry no UDP here"));
        }

        var thing = Thing("udp", number);
        if (!TryReserve(thing))
        {
            return (null, ("port_taken", "port already in use"));
        }

        DatagramPort? datagrams = null;
        try
        {
            await CloseForeignDatagramsAsync(thing);
            (datagrams, var problem) = BindDatagrams(number, order);
            for (var since = _time.GetTimestamp(); problem is not null; (datagrams, problem) = BindDatagrams(number, order))
            {
                if (order.Request.Resume is null || _time.GetElapsedTime(since) > BindPatience)
                {
                    Unreserve(thing);
                    return (null, ("port_bind", problem));
                }

                await Task.Delay(BindRetry, _time, _stop.Token);
            }

            if (await ClaimAsync(thing, order, registry) is not { } ownership)
            {
                await datagrams!.DisposeAsync();
                Unreserve(thing);
                return (null, ("port_taken", "port already in use"));
            }

            return (
                new TunnelPort
                {
                    Protocol = TunnelProtocol.Udp,
                    Number = number,
                    Thing = thing,
                    Datagrams = datagrams,
                    Ownership = ownership,
                    Confirmed = _time.GetTimestamp(),
                },
                null
            );
        }
        catch
        {
            await (datagrams?.DisposeAsync() ?? ValueTask.CompletedTask);
            Unreserve(thing);
            throw;
        }
    }

    private async Task<(TunnelPort? Port, (string Reason, string Text)? Error)> GrantNameAsync(
        OpenOrder order,
        PortRequest wanted,
        TunnelRegistry registry
    )
    {
        var label = wanted.Name ?? $"t{Random.Shared.NextInt64(0x1_0000_0000_00):x}";
        if (!IsLabel(label))
        {
            return (null, ("name", "a tunnel's name is a DNS label: letters, digits and '-'"));
        }

        var host = $"{label}.{order.Listener.Config.Domain}".ToLowerInvariant();
        var thing = new OwnedThing(OwnedKind.Tunnel, $"name:{host}");
        if (!TryReserve(thing))
        {
            return (null, ("name_taken", "name already in use"));
        }

        try
        {
            if (await ClaimAsync(thing, order, registry) is not { } ownership)
            {
                Unreserve(thing);
                return (null, ("name_taken", "name already in use"));
            }

            return (
                new TunnelPort
                {
                    Protocol = TunnelProtocol.Name,
                    Number = 0,
                    Host = host,
                    Thing = thing,
                    Ownership = ownership,
                    Confirmed = _time.GetTimestamp(),
                },
                null
            );
        }
        catch
        {
            Unreserve(thing);
            throw;
        }
    }

    /// <summary>Owns a thing, or null: it is another's, who is there.</summary>
    private async Task<Ownership?> ClaimAsync(OwnedThing thing, OpenOrder order, TunnelRegistry registry)
    {
        var print = order.Print;
        var detail = TunnelDetail.Write(
            new TunnelDetail
            {
                Print = print,
                Tenant = order.Tenant.Name,
                Listener = order.Listener.Name,
            }
        );
        var answer = await registry.Registry.ClaimAsync(thing, registry.Gateway, detail, registry.Ttl, force: false);
        if (
            answer.Result == ClaimResult.Taken
            && order.Request.Resume is not null
            && TunnelDetail.Read(answer.Ownership!.Detail) is { } known
            && known.Print == print
            && known.Tenant == order.Tenant.Name
            && known.Listener == order.Listener.Name
        )
        {
            // It is this client's, and the client is here.
            answer = await registry.Registry.ClaimAsync(thing, registry.Gateway, detail, registry.Ttl, force: true);
        }

        if (answer.Result == ClaimResult.Taken && await IsGoneAsync(registry, answer.Ownership!.Gateway.Name))
        {
            // Its process has ended without a word; nobody need wait until the registry notices.
            answer = await registry.Registry.ClaimAsync(thing, registry.Gateway, detail, registry.Ttl, force: true);
        }

        return answer.Result == ClaimResult.Owned ? answer.Ownership : null;
    }

    /// <summary>A gateway's host says that nobody listens there any more. Silence says nothing: it may be the way there.</summary>
    private async Task<bool> IsGoneAsync(TunnelRegistry registry, string gateway)
    {
        if (
            gateway == registry.Gateway.Name
            || Reachable(registry.Gateways, gateway) is not { } owner
            || !IPEndPoint.TryParse(owner.Peer!.Address, out var end)
        )
        {
            return false;
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1), _time);
        using var socket = new Socket(end.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(end, limit.Token);
            return false;
        }
        catch (SocketException refused)
        {
            return refused.SocketErrorCode
                is SocketError.ConnectionRefused
                    or SocketError.HostUnreachable
                    or SocketError.NetworkUnreachable;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private bool TryReserve(OwnedThing thing)
    {
        lock (_gate)
        {
            return _ports.TryAdd(thing, null);
        }
    }

    private void Unreserve(OwnedThing thing)
    {
        lock (_gate)
        {
            _ports.Remove(thing);
        }
    }

    private (int Socket, string? Problem) Bind(int number)
    {
        try
        {
            return (ListenSocket.Bind(_bind, number).Descriptor, null);
        }
        catch (IOException error)
        {
            return (
                -1,
                error.Message == InUse ? "port already in use"
                : error.Message == Denied ? "permission denied"
                : "failed to bind to port"
            );
        }
    }

    /// <summary>Binds a UDP port for a tunnel of this gateway.</summary>
    private (DatagramPort? Port, string? Problem) BindDatagrams(int number, OpenOrder order)
    {
        try
        {
            var thing = Thing("udp", number);
            var loop = order.Loop;
            return (
                new DatagramPort(
                    DatagramPort.Bind(_bind, number),
                    (stream, address, from) => loop.Post(() => loop.Tunnels.AdmitStream(stream, thing, address, from)),
                    _time
                ),
                null
            );
        }
        catch (SocketException error)
        {
            return (null, error.SocketErrorCode == SocketError.AddressAlreadyInUse ? "port already in use" : "failed to bind to port");
        }
    }

    private async Task<(int Socket, string? Problem)> BindLaterAsync(int number)
    {
        var since = _time.GetTimestamp();
        while (true)
        {
            var bound = Bind(number);
            if (bound.Problem is null || _time.GetElapsedTime(since) > BindPatience)
            {
                return bound;
            }

            await Task.Delay(BindRetry, _time, _stop.Token);
        }
    }

    private void GiveBack(List<TunnelPort> ports)
    {
        foreach (var port in ports)
        {
            CloseSocket(port.Socket);
            port.Socket = -1;
            GiveBack(port, released: true);
        }
    }

    private static void CloseSocket(int socket)
    {
        if (socket >= 0)
        {
            _ = Libc.Close(socket);
        }
    }

    private static bool IsLabel(string text) =>
        text.Length is > 0 and <= 63 && text[0] != '-' && text[^1] != '-' && text.All(static c => char.IsAsciiLetterOrDigit(c) || c == '-');
}

/// <summary>What the owner of a tunnel's port notes in the registry.</summary>
internal sealed record TunnelDetail
{
    /// <summary>What tells who has the tunnel's key; empty: it cannot be taken up again.</summary>
    public string Print { get; set; } = "";

    public string Tenant { get; set; } = "";

    public string Listener { get; set; } = "";

    public static string Write(TunnelDetail detail) => JsonSerializer.Serialize(detail, TunnelDetailJson.Default.TunnelDetail);

    /// <summary>Null: another version wrote it.</summary>
    public static TunnelDetail? Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, TunnelDetailJson.Default.TunnelDetail);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TunnelDetail))]
internal sealed partial class TunnelDetailJson : JsonSerializerContext;
