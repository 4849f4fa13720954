using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Handover;

/// <summary>What a connection keeps of its PROXY header, out of one process and into another.</summary>
internal static unsafe class ProxySide
{
    public static ProxyRecord? Read(RelayLoop loop, int client, Channel* channel)
    {
        var details = loop.Sides.ProxyOf(client, channel);
        return details == null
            ? null
            : new ProxyRecord(
                details->Sender,
                details->SenderPort,
                details->HasDestination ? details->Destination : null,
                details->DestinationPort,
                new ReadOnlySpan<byte>(details->Header, details->Header == null ? 0 : details->Length).ToArray()
            );
    }

    public static void Restore(RelayLoop loop, int client, Channel* channel, ProxyRecord record)
    {
        var details = new ProxyDetails
        {
            Sender = record.Sender,
            SenderPort = record.SenderPort,
            HasDestination = record.Destination is not null,
            Destination = record.Destination ?? default,
            DestinationPort = record.DestinationPort,
        };
        if (TryParse(record.Header, out var header))
        {
            details.Tlvs = header.Tlvs;
        }

        loop.Sides.Restore(client, channel, details, record.Header);
    }

    /// <summary>The header itself; the ranges of its TLVs follow from it.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out ProxyHeader header) =>
        ProxyHeaderParser.Parse(bytes, ProxyVersions.V1 | ProxyVersions.V2, ProxyHeader.MaxBytes, out header).Status
        == ProxyStatus.Complete;
}
