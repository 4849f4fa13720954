using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>How one port or name is granted: kept here, bound, and claimed in the registry, or none of it.</summary>
internal sealed partial class TunnelService
{
    /// <summary>Ports that are tried by lot, as bore has it.</summary>
    private const int MaxTries = 150;

    /// <summary>How long the owner before may take to let go of a port on the same host.</summary>
    private static readonly TimeSpan BindPatience = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan BindRetry = TimeSpan.FromMilliseconds(100);

    /// <summary>Between two claims while the registry cannot say yet.</summary>
    private static readonly TimeSpan ClaimRetry = TimeSpan.FromMilliseconds(250);
    private static readonly string InUse = Errno.Describe(Errno.EADDRINUSE);
    private static readonly string Denied = Errno.Describe(13);

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
                ? (null, ("port_range", TunnelRefusal.PortOutside))
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
            return (null, ("port_taken", TunnelRefusal.PortTaken));
        }

        var socket = -1;
        try
        {
            // Whoever comes back for a port may find the owner before still letting go of it; anybody else finds it taken. One that
            // another gateway's visitors come by is listened on for them until the registry has said that it is this gateway's now.
            var waits = (order.Request.Resume is not null && wanted.Port != 0) || IsForeign(thing);
            if (!waits)
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
                return (null, ("port_taken", TunnelRefusal.PortTaken));
            }

            if (waits && (socket = await TakeForeignAsync(thing)) < 0)
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
            return (null, ("port_taken", TunnelRefusal.PortTaken));
        }

        DatagramPort? datagrams = null;
        try
        {
            // As with TCP.
            var waits = order.Request.Resume is not null || IsForeign(thing);
            if (!waits)
            {
                (datagrams, var problem) = BindDatagrams(number, order);
                if (problem is not null)
                {
                    Unreserve(thing);
                    return (null, ("port_bind", problem));
                }
            }

            if (await ClaimAsync(thing, order, registry) is not { } ownership)
            {
                await (datagrams?.DisposeAsync() ?? ValueTask.CompletedTask);
                Unreserve(thing);
                return (null, ("port_taken", TunnelRefusal.PortTaken));
            }

            if (waits)
            {
                await CloseForeignDatagramsAsync(thing);
                (datagrams, var problem) = await BindDatagramsLaterAsync(number, order);
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
        var thing = new OwnedThing($"name:{host}");
        if (!TryReserve(thing))
        {
            return (null, ("name_taken", TunnelRefusal.NameTaken));
        }

        try
        {
            if (await ClaimAsync(thing, order, registry) is not { } ownership)
            {
                Unreserve(thing);
                return (null, ("name_taken", TunnelRefusal.NameTaken));
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

    /// <summary>As <see cref="TryClaimAsync"/>; a claim of which nobody knows what came of it is taken back later.</summary>
    private async Task<Ownership?> ClaimAsync(OwnedThing thing, OpenOrder order, TunnelRegistry registry)
    {
        try
        {
            return await _things.RunAsync(thing, () => TryClaimAsync(thing, order, registry));
        }
        catch (RegistryUnavailableException)
        {
            lock (_gate)
            {
                if (_doubtful.Count < MaxDoubtful)
                {
                    _doubtful.Add(thing);
                }
            }

            throw;
        }
    }

    /// <summary>Owns a thing, or null: it is another's, who is there.</summary>
    private async Task<Ownership?> TryClaimAsync(OwnedThing thing, OpenOrder order, TunnelRegistry registry)
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
        var answer = await registry.Registry.ClaimAsync(thing, registry.Gateway, detail, registry.Ttl, force: false, registry.Settle);
        for (
            var since = _time.GetTimestamp();
            answer.Result == ClaimResult.Settling && _time.GetElapsedTime(since) < registry.Settle + ClaimRetry;

        )
        {
            await Task.Delay(ClaimRetry, _time, _stop.Token);
            answer = await registry.Registry.ClaimAsync(thing, registry.Gateway, detail, registry.Ttl, force: false, registry.Settle);
        }

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
        try
        {
            using var socket = new Socket(end.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
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
                error.Message == InUse ? TunnelRefusal.PortTaken
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
            return (null, error.SocketErrorCode == SocketError.AddressAlreadyInUse ? TunnelRefusal.PortTaken : "failed to bind to port");
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

    private async Task<(DatagramPort? Port, string? Problem)> BindDatagramsLaterAsync(int number, OpenOrder order)
    {
        var since = _time.GetTimestamp();
        while (true)
        {
            var bound = BindDatagrams(number, order);
            if (bound.Problem is null || _time.GetElapsedTime(since) > BindPatience)
            {
                return bound;
            }

            await Task.Delay(BindRetry, _time, _stop.Token);
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
