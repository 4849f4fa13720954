// Hot path: per publication and subscriber. See tests/benchmarks.
using System.Runtime.CompilerServices;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Fossil;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>A publication on its way to subscribers: each form of it is encoded once, when the first one needs it, and shared by all.</summary>
/// <remarks>Thread-safe: two loops that encode the same form at once do the same work, and one result stays. The forms go when the last queue has sent them.</remarks>
/// <param name="channel">Where.</param>
/// <param name="position">Its place; offset 0 without history.</param>
/// <param name="payload">As the broker carries it.</param>
/// <param name="previous">Data of the publication right before it; empty: not known.</param>
internal sealed class HubPublication(string channel, StreamPosition position, ReadOnlyMemory<byte> payload, ReadOnlyMemory<byte> previous)
{
    // One that could not be encoded: what was published is not what this encoding can carry.
    private static readonly byte[] None = [];

    private Frames _frames;
    private CompressedForms _compressed;

    public string Channel { get; } = channel;

    public StreamPosition Position { get; } = position;

    public ReadOnlyMemory<byte> Payload { get; } = payload;

    /// <summary>The whole WebSocket frame; empty: clients of this encoding cannot have it.</summary>
    public byte[] Frame(HubCodec codec, DeltaForm form)
    {
        ref var frame = ref _frames[(codec == HubCodec.Json ? 0 : 3) + (int)form];
        return Volatile.Read(ref frame) ?? Encode(codec, form, ref frame);
    }

    /// <summary>The same as a client gets it that agreed on compression: compressed once for each window size, whoever asks first.</summary>
    /// <param name="session">That client.</param>
    /// <param name="plain">Of <see cref="Frame"/>, not empty.</param>
    public byte[] Compressed(HubSession session, byte[] plain) => session.Loop.Compression.Frame(session, plain, ref _compressed);

    private byte[] Encode(HubCodec codec, DeltaForm form, ref byte[]? frame)
    {
        var made = form == DeltaForm.None ? codec.PushFrame(Channel, Position.Offset, Payload.Span) : null;
        if (made is null && PublicationParts.TryDecode(Payload, Position.Offset, out var parts) && codec.CanCarry(parts.Data.Span))
        {
            if (form == DeltaForm.Delta && FossilDelta.TryCreate(previous.Span, parts.Data.Span) is { } delta)
            {
                parts = parts with { Data = delta, IsDelta = true };
            }

            made = codec.Framed(codec.PushPublication(Channel, parts, asText: form != DeltaForm.None));
        }

        made ??= None;

        return Interlocked.CompareExchange(ref frame, made, null) ?? made;
    }
}

/// <summary>By encoding and form.</summary>
[InlineArray(6)]
internal struct Frames
{
    private byte[]? _first;
}

/// <summary>How a subscriber gets its data.</summary>
internal enum DeltaForm
{
    /// <summary>As it is.</summary>
    None,

    /// <summary>To a subscriber with deltas: whole.</summary>
    Whole,

    /// <summary>To a subscriber with deltas, who has the one before: as the difference where that is shorter.</summary>
    Delta,
}
