using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Tests.Faults;

/// <summary>The PROXY header that clients of a <see cref="FaultRig"/> begin with, and that its backend expects.</summary>
internal static class ProxyHeaders
{
    private static readonly ProxyAddresses Client = new(
        NetworkAddress.From(IPAddress.Parse("203.0.113.7")),
        4321,
        NetworkAddress.From(IPAddress.Parse("198.51.100.1")),
        443
    );

    public static byte[] Write(ProxyProtocolVersion version)
    {
        var header = new byte[ProxyHeader.MaxWrittenBytes];
        var length =
            version == ProxyProtocolVersion.V1
                ? ProxyHeaderWriter.WriteV1(Client, header)
                : ProxyHeaderWriter.WriteV2(Client, new ProxyWords { Authority = "app.example.com"u8, UniqueId = "id-1"u8 }, true, header);
        return header[..length];
    }

    /// <summary>Takes a header off a stream, and nothing behind it.</summary>
    /// <exception cref="EndOfStreamException">It was cut.</exception>
    /// <exception cref="InvalidDataException">It is none, or says something else than <see cref="Write"/> does.</exception>
    public static async Task ReadAsync(Stream stream)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        var bytes = new byte[ProxyHeader.MaxBytes];
        for (var length = 1; ; length++)
        {
            await stream.ReadExactlyAsync(bytes.AsMemory(length - 1, 1), limit.Token);
            var parse = ProxyHeaderParser.Parse(bytes.AsSpan(0, length), ProxyVersions.Any, ProxyHeader.MaxBytes, out var header);
            if (parse.Status == ProxyStatus.Error)
            {
                throw new InvalidDataException($"byte {parse.Offset} of the header: {parse.Reason}");
            }

            if (parse.Status == ProxyStatus.Complete)
            {
                if (header.Source != Client.Source || header.SourcePort != Client.SourcePort)
                {
                    throw new InvalidDataException($"the client is {header.Source.ToIPAddress()}:{header.SourcePort}");
                }

                return;
            }
        }
    }
}
