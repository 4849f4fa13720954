using Mooring.Contracts.Handover;

namespace Mooring.Gateway.Handover;

/// <summary>Takes the connections that come over a link, until the other side has no more.</summary>
internal static class HandoverTaker
{
    /// <summary>Runs until the other side closes the link, cancelled, or <paramref name="serves"/> says no more. Returns the connections taken.</summary>
    /// <exception cref="InvalidDataException">A message is not of the form.</exception>
    /// <exception cref="IOException">The link broke. What was not acknowledged is the other side's.</exception>
    public static async Task<int> RunAsync(HandoverLink link, GatewayEngine engine, CancellationToken cancel, Func<bool>? serves = null)
    {
        var taken = 0;
        while (await link.ReadAsync(cancel) is { } message)
        {
            if (message.Type == LinkMessage.DatagramsLeft && message.Descriptors.Count == 0)
            {
                await engine.ReceiveDatagramsAsync();
                continue;
            }

            if (serves?.Invoke() == false)
            {
                // The link ends without an acknowledgement: they stay the other side's, who finds somebody else.
                Close(message.Descriptors);
                return taken;
            }

            if (message.Type is not (LinkMessage.Batch or LinkMessage.Flows))
            {
                Close(message.Descriptors);
                throw new InvalidDataException($"{message.Type} came instead of a batch");
            }

            taken += await TakeAsync(link, engine, message.Type, message.Body, message.Descriptors, cancel);
        }

        return taken;
    }

    private static async Task<int> TakeAsync(
        HandoverLink link,
        GatewayEngine engine,
        LinkMessage type,
        byte[] body,
        IReadOnlyList<DescriptorHandle> descriptors,
        CancellationToken cancel
    )
    {
        var arrivals = new List<Arrival>();
        try
        {
            IReadOnlyList<MovedRecord> records = type == LinkMessage.Flows ? FlowCodec.Read(body) : RecordCodec.Read(body);
            if (records.Sum(record => record.Descriptors) != descriptors.Count)
            {
                throw new InvalidDataException($"{records.Count} connections came with {descriptors.Count} descriptors");
            }

            await engine.EnsureListenersAsync(records.Select(record => record.Listener));
            var refused = new List<int>();
            var at = 0;
            for (var i = 0; i < records.Count; i++)
            {
                var own = descriptors.Skip(at).Take(records[i].Descriptors).ToArray();
                at += own.Length;
                if (engine.Arrivals.Admit(records[i], own) is { } arrival)
                {
                    arrivals.Add(arrival);
                }
                else
                {
                    refused.Add(i);
                    Close(own);
                }
            }

            // The moment at which they change hands: see HandoverLink.
            await link.AckAsync(refused, cancel);
        }
        catch
        {
            arrivals.ForEach(ArrivalDesk.TurnAway);
            Close(descriptors);
            throw;
        }

        await engine.Arrivals.SettleAsync(arrivals);
        return arrivals.Count;
    }

    private static void Close(IEnumerable<DescriptorHandle> descriptors)
    {
        foreach (var descriptor in descriptors)
        {
            descriptor.Dispose();
        }
    }
}
