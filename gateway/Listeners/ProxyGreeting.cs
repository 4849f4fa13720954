using System.Buffers.Text;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Listeners;

/// <summary>Tells a backend who the client is, before anything else is sent there (TLS to it included).</summary>
internal sealed unsafe class ProxyGreeting(RelayLoop loop)
{
    /// <summary>Sends the header. False when the upstream's socket failed.</summary>
    public bool Send(ProxyOutSnapshot proxy, int client, Channel* channel, int descriptor, Channel* upstream)
    {
        Span<byte> header = stackalloc byte[ProxyHeader.MaxWrittenBytes];
        Span<byte> id = stackalloc byte[32];
        var details = loop.Sides.ProxyOf(client, channel);
        var addresses = Addresses(client, channel, details);
        int length;
        if (proxy.Version == 1)
        {
            length = ProxyHeaderWriter.WriteV1(addresses, header);
        }
        else
        {
            var hasTlvs = details != null && details->Header != null;
            var authority = proxy.Authority && hasTlvs ? details->Of(details->Tlvs.AuthorityRange) : [];
            scoped ReadOnlySpan<byte> uniqueId = proxy.UniqueId && hasTlvs ? details->Of(details->Tlvs.UniqueIdRange) : [];
            if (proxy.UniqueId && uniqueId.IsEmpty)
            {
                Utf8Formatter.TryFormat(loop.NextRandom(), id, out _, new System.Buffers.StandardFormat('x', 16));
                Utf8Formatter.TryFormat(loop.NextRandom(), id[16..], out _, new System.Buffers.StandardFormat('x', 16));
                uniqueId = id;
            }

            length = ProxyHeaderWriter.WriteV2(addresses, authority, uniqueId, proxy.Crc32C, header);
        }

        // What the client sends next would wait for the header's ACK.
        upstream->NoDelay = true;
        Libc.SetOption(descriptor, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
        return loop.Frames.Send(descriptor, upstream, header[..length]);
    }

    private static ProxyAddresses Addresses(int client, Channel* channel, ProxyDetails* details)
    {
        if (details != null && details->HasDestination)
        {
            return new ProxyAddresses(channel->Address, channel->Port, details->Destination, details->DestinationPort);
        }

        var local = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        _ = Libc.GetSocketName(client, local, &length);
        var (address, port) = KernelAddress.Read(local);
        return new ProxyAddresses(channel->Address, channel->Port, address, port);
    }
}
