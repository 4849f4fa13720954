using System.Buffers.Binary;
using System.Buffers.Text;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Listeners;

/// <summary>Tells a backend who the client is, before anything else is sent there (TLS to it included).</summary>
internal sealed unsafe class ProxyGreeting(RelayLoop loop)
{
    /// <summary>Sends the header. False when the upstream's socket failed.</summary>
    public bool Send(ProxyOutSnapshot proxy, int client, Channel* channel, int descriptor, Channel* upstream)
    {
        Span<byte> header = stackalloc byte[ProxyHeader.MaxWrittenBytes];
        Span<byte> id = stackalloc byte[32];
        Span<byte> name = stackalloc byte[TlsPeer.MaxCommonName];
        var details = loop.Sides.ProxyOf(client, channel);
        var addresses = Addresses(client, channel, details);
        int length;
        if (proxy.Version == 1)
        {
            length = ProxyHeaderWriter.WriteV1(addresses, header);
        }
        else
        {
            scoped var words = default(ProxyWords);
            Say(proxy, client, channel, details, ref words, name);
            if (proxy.UniqueId && words.UniqueId.IsEmpty)
            {
                Utf8Formatter.TryFormat(loop.NextRandom(), id, out _, new System.Buffers.StandardFormat('x', 16));
                Utf8Formatter.TryFormat(loop.NextRandom(), id[16..], out _, new System.Buffers.StandardFormat('x', 16));
                words.UniqueId = id;
            }

            length = ProxyHeaderWriter.WriteV2(addresses, words, proxy.Crc32C, header);
        }

        // What the client sends next would wait for the header's ACK.
        upstream->NoDelay = true;
        Libc.SetOption(descriptor, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
        return loop.Frames.Send(descriptor, upstream, header[..length]);
    }

    /// <summary>
    /// What the backend wants to know: as the client's own PROXY header has it, as whoever sent that saw more of the client; else by its TLS, which
    /// HAProxy does alike.
    /// </summary>
    private void Say(ProxyOutSnapshot proxy, int client, Channel* channel, ProxyDetails* details, ref ProxyWords words, Span<byte> name)
    {
        var ssl = channel->Has(ChannelFlags.Tls) ? loop.Tls.SslOf(client) : 0;
        if (details != null && details->Header != null)
        {
            ref readonly var tlvs = ref details->Tlvs;
            words.Authority = proxy.Authority ? details->Of(tlvs.AuthorityRange) : [];
            words.UniqueId = proxy.UniqueId ? details->Of(tlvs.UniqueIdRange) : [];
            words.Alpn = proxy.Alpn ? details->Of(tlvs.AlpnRange) : [];
            if (proxy.Ssl && tlvs.SslRange.Length > 0)
            {
                var said = details->Of(tlvs.SslRange);
                words.HasSsl = true;
                words.Client = (ProxyClient)said[0];
                words.Verify = BinaryPrimitives.ReadUInt32BigEndian(said[1..]);
                words.SslVersion = details->Of(tlvs.SslVersionRange);
                words.SslCommonName = proxy.SslCommonName ? details->Of(tlvs.SslCommonNameRange) : [];
            }
        }

        if (proxy.Authority && words.Authority.IsEmpty)
        {
            words.Authority = ssl != 0 ? TlsPeer.ServerName(ssl) : loop.TlsAcceptor.NamePassed(client, channel);
        }

        if (proxy.Alpn && words.Alpn.IsEmpty && ssl != 0)
        {
            words.Alpn = TlsPeer.Alpn(ssl);
        }

        if (proxy.Ssl && (words.Client & ProxyClient.Ssl) == ProxyClient.None)
        {
            SayTls(ssl, proxy.SslCommonName, ref words, name);
        }
    }

    private static void SayTls(nint ssl, bool withName, ref ProxyWords words, Span<byte> name)
    {
        words.HasSsl = true;
        // Not verified: there is nothing that could be.
        words.Verify = 1;
        if (ssl == 0)
        {
            return;
        }

        words.Client = ProxyClient.Ssl;
        words.SslVersion = TlsPeer.Version(ssl);
        words.SslCipher = TlsPeer.Cipher(ssl);
        if (TlsPeer.HasCertificate(ssl))
        {
            words.Client |= ProxyClient.CertificateInSession;
            words.Client |= OpenSsl.IsResumed(ssl) == 1 ? ProxyClient.None : ProxyClient.CertificateNow;
            words.Verify = (uint)OpenSsl.VerifyResult(ssl);
            words.SslCommonName = withName ? name[..TlsPeer.CommonName(ssl, name)] : [];
        }
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
