using System.Runtime.InteropServices;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Listeners;

/// <summary>One loop's side of <see cref="ConnectionSide"/>: gives and takes back what connections have in it. For the loop's thread only.</summary>
internal sealed unsafe class ConnectionSides(RelayLoop loop) : IDisposable
{
    private readonly NativeSlab<ProxyDetails> _proxies = new();

    /// <summary>Connections whose PROXY header is kept.</summary>
    public int Proxies => _proxies.Count;

    /// <summary>The side of a client, which has one from now on.</summary>
    public ConnectionSide* Claim(int client, Channel* channel)
    {
        var side = loop.Engine.Sides.Claim(client);
        if (!channel->Has(ChannelFlags.Side))
        {
            channel->Flags |= ChannelFlags.Side;
            *side = default;
        }

        return side;
    }

    /// <summary>Keeps what a header said.</summary>
    /// <param name="client">The client's descriptor.</param>
    /// <param name="channel">Its channel, still with the sender's address.</param>
    /// <param name="header">Has addresses, or TLVs that are kept.</param>
    /// <param name="bytes">The header's own.</param>
    public void Keep(int client, Channel* channel, ref readonly ProxyHeader header, ReadOnlySpan<byte> bytes)
    {
        var side = Claim(client, channel);
        side->Proxy = _proxies.Rent();
        var details = _proxies[side->Proxy];
        details->Sender = channel->Address;
        details->SenderPort = channel->Port;
        details->HasDestination = header.HasAddresses;
        details->Destination = header.Destination;
        details->DestinationPort = header.DestinationPort;
        if (header.Tlvs.Any)
        {
            details->Tlvs = header.Tlvs;
            details->Length = bytes.Length;
            details->Header = (byte*)NativeMemory.Alloc((nuint)bytes.Length);
            bytes.CopyTo(new Span<byte>(details->Header, bytes.Length));
        }
    }

    /// <summary>Keeps which server a client of TLS passthrough asked for.</summary>
    /// <param name="client">The client's descriptor.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="name">1 to 255 bytes.</param>
    public void KeepName(int client, Channel* channel, ReadOnlySpan<byte> name)
    {
        var side = Claim(client, channel);
        side->ServerName = (byte*)NativeMemory.Alloc((nuint)name.Length + 1);
        *side->ServerName = (byte)name.Length;
        name.CopyTo(new Span<byte>(side->ServerName + 1, name.Length));
    }

    /// <summary>What <see cref="KeepName"/> has kept; empty: nothing.</summary>
    public ReadOnlySpan<byte> NameOf(int client, Channel* channel)
    {
        var name = channel->Has(ChannelFlags.Side) ? loop.Engine.Sides[client]->ServerName : null;
        return name == null ? [] : new ReadOnlySpan<byte>(name + 1, *name);
    }

    /// <summary>What the client's PROXY header said; null: it had none, or nothing worth keeping.</summary>
    public ProxyDetails* ProxyOf(int client, Channel* channel) =>
        channel->Has(ChannelFlags.Side) && loop.Engine.Sides[client]->Proxy is > 0 and var handle ? _proxies[handle] : null;

    /// <summary>Keeps what another process has kept.</summary>
    /// <param name="client">The client's descriptor.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="details">Without its header.</param>
    /// <param name="header">The header's bytes; empty where none are kept.</param>
    public void Restore(int client, Channel* channel, ProxyDetails details, ReadOnlySpan<byte> header)
    {
        var side = Claim(client, channel);
        side->Proxy = _proxies.Rent();
        details.Length = header.Length;
        details.Header = header.IsEmpty ? null : (byte*)NativeMemory.Alloc((nuint)header.Length);
        header.CopyTo(new Span<byte>(details.Header, header.Length));
        *_proxies[side->Proxy] = details;
    }

    /// <summary>The connection goes to another loop, before there is more about it than who it is: takes back what this loop has of it.</summary>
    public MovedSide Leave(int client)
    {
        var side = loop.Engine.Sides[client];
        var moved = new MovedSide(side->Country > 0, null);
        if (side->Proxy > 0)
        {
            moved = moved with { Proxy = *_proxies[side->Proxy] };
            // What the header's copy is in goes along.
            _proxies[side->Proxy]->Header = null;
        }

        Forget(client);
        return moved;
    }

    /// <summary>The connection has come from another loop with what <see cref="Leave"/> said.</summary>
    public void Enter(int client, Channel* channel, MovedSide moved)
    {
        if (moved.IsCounted && loop.Countries.IsOn)
        {
            Claim(client, channel)->Country = loop.Countries.Entered(channel->Address, isNew: false);
        }

        if (moved.Proxy is { } details)
        {
            var side = Claim(client, channel);
            side->Proxy = _proxies.Rent();
            *_proxies[side->Proxy] = details;
        }
    }

    /// <summary>The connection ends: takes everything back.</summary>
    public void Forget(int client)
    {
        var side = loop.Engine.Sides[client];
        if (side->Proxy > 0)
        {
            NativeMemory.Free(_proxies[side->Proxy]->Header);
            _proxies.Return(side->Proxy);
        }

        NativeMemory.Free(side->ServerName);
        if (side->Country > 0)
        {
            loop.Countries.Left(side->Country);
        }

        if (side->Shape > 0)
        {
            loop.Shaper.Forget(side->Shape);
        }

        if (side->Tunnel > 0)
        {
            loop.Tunnels.VisitorEnded(side->Tunnel - 1);
        }

        if (side->Identity > 0)
        {
            loop.Identities.Forget(side->Identity);
        }

        *side = default;
    }

    public void Dispose() => _proxies.Dispose();
}

/// <param name="IsCounted">It is counted by its country.</param>
/// <param name="Proxy">What its PROXY header said, with what it is kept in.</param>
internal readonly record struct MovedSide(bool IsCounted, ProxyDetails? Proxy);
