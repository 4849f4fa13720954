using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>One of the two encodings of the client protocol. What is written is one message, without its WebSocket header. Stateless and thread-safe.</summary>
internal abstract class HubCodec
{
    public static readonly HubCodec Json = new JsonCodec();
    public static readonly HubCodec Protobuf = new ProtobufCodec();

    /// <summary>Of the frames: text or binary.</summary>
    public abstract Opcode Opcode { get; }

    /// <summary>The empty reply that is a ping.</summary>
    public abstract byte[] Ping { get; }

    /// <summary>Takes the next command off the front of a message.</summary>
    public abstract CommandRead Read(ref ReadOnlySpan<byte> rest, ref HubCommand command);

    public abstract byte[] Error(uint id, HubError error);

    /// <summary>A reply whose result has no fields: unsubscribe, publish and ping.</summary>
    public abstract byte[] Empty(uint id, HubMethod method);

    /// <summary>The same as a whole WebSocket frame.</summary>
    public virtual byte[] EmptyFrame(uint id, HubMethod method) => Framed(Empty(id, method));

    public abstract byte[] Connect(uint id, in ConnectReply reply);

    public abstract byte[] Subscribe(uint id, in SubscribeReply reply);

    public abstract byte[] History(uint id, StreamPosition top, IReadOnlyList<PublicationParts> publications);

    public abstract byte[] Presence(uint id, IReadOnlyList<ClientInfo> present);

    public abstract byte[] PresenceStats(uint id, int clients, int users);

    /// <param name="id">The command's.</param>
    /// <param name="data">As the client gets it: JSON where the protocol is.</param>
    public abstract byte[] Rpc(uint id, ReadOnlySpan<byte> data);

    public abstract byte[] Refresh(uint id, string client, bool expires, uint ttl);

    public abstract byte[] SubRefresh(uint id, bool expires, uint ttl);

    /// <summary>A publication to subscribers.</summary>
    /// <param name="channel">Where.</param>
    /// <param name="publication">What.</param>
    /// <param name="asText">The subscription is one with deltas, so that JSON's data is a string.</param>
    public abstract byte[] PushPublication(string channel, in PublicationParts publication, bool asText);

    /// <summary>The same, of a payload as a broker carries it, as a whole WebSocket frame; null: it cannot be made so straight, or not at all.</summary>
    public virtual byte[]? PushFrame(string channel, ulong offset, ReadOnlySpan<byte> payload) => null;

    public abstract byte[] PushPresence(string channel, bool joined, ClientInfo info);

    public abstract byte[] PushUnsubscribe(string channel, uint code, string reason);

    /// <summary>The server has subscribed the client.</summary>
    public abstract byte[] PushSubscribe(string channel, in SubscribeReply reply);

    public abstract byte[] PushRefresh(bool expires, uint ttl);

    /// <summary>Whether these bytes can be the data of a publication for clients of this encoding.</summary>
    public abstract bool CanCarry(ReadOnlySpan<byte> data);

    /// <summary>A message as a frame.</summary>
    public byte[] Framed(ReadOnlySpan<byte> message)
    {
        var frame = new byte[ServerFrame.SizeOf(message.Length)];
        ServerFrame.Write(frame, Opcode, message, compressed: false);
        return frame;
    }
}
