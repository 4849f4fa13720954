using System.Collections.Concurrent;
using System.Text;
using Mooring.Gateway.Transport.ProxyProtocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>A backend that takes the PROXY header off each connection, keeps it, and echoes the rest.</summary>
internal sealed class ProxyCapture : IDisposable
{
    private readonly ConcurrentQueue<byte[]> _headers = new();
    private readonly TestServer _server;

    public ProxyCapture() =>
        _server = new TestServer(async socket =>
        {
            var buffer = new byte[ProxyHeader.MaxBytes];
            var count = 0;
            ProxyHeader header;
            while (
                ProxyHeaderParser.Parse(buffer.AsSpan(0, count), ProxyVersions.V2, ProxyHeader.MaxBytes, out header).Status
                != ProxyStatus.Complete
            )
            {
                var read = await socket.ReceiveAsync(buffer.AsMemory(count));
                if (read == 0)
                {
                    return;
                }

                count += read;
            }

            _headers.Enqueue(buffer[..header.Length]);
            await socket.SendAsync(buffer.AsMemory(header.Length, count - header.Length));
            await TestServer.EchoAsync(socket);
        });

    public int Port => _server.Port;

    /// <summary>The next header, as text where it is text.</summary>
    public async Task<Captured> NextAsync()
    {
        byte[]? bytes = null;
        await Until.TrueAsync(() => _headers.TryDequeue(out bytes), EngineHarness.Patience, "a PROXY header");
        ProxyHeaderParser.Parse(bytes, ProxyVersions.V2, ProxyHeader.MaxBytes, out var header).Status.ShouldBe(ProxyStatus.Complete);
        var tlvs = header.Tlvs;
        return new Captured(
            Text(tlvs.AuthorityRange),
            Text(tlvs.AlpnRange),
            Text(tlvs.SslVersionRange),
            Text(tlvs.SslCommonNameRange),
            Bytes(tlvs.SslRange)
        );

        byte[] Bytes(ProxyRange range) => range.Of(bytes).ToArray();
        string Text(ProxyRange range) => Encoding.UTF8.GetString(Bytes(range));
    }

    public void Dispose() => _server.Dispose();
}

/// <param name="Ssl">Value of the SSL TLV: a byte of flags, four of the verification's result, TLVs.</param>
internal sealed record Captured(string Authority, string Alpn, string SslVersion, string SslCommonName, byte[] Ssl);
