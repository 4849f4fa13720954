using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>The protobuf encoding: each message behind its length as a varint.</summary>
internal sealed class ProtobufCodec : HubCodec
{
    private const int ErrorField = 2;
    private const int PushField = 4;

    public override Opcode Opcode => Opcode.Binary;

    /// <summary>A message of no bytes.</summary>
    public override byte[] Ping { get; } = [0];

    public override CommandRead Read(ref ReadOnlySpan<byte> rest, ref HubCommand command)
    {
        if (rest.IsEmpty)
        {
            return CommandRead.End;
        }

        var at = 0;
        if (!ProtoReader.TryVarint(rest, ref at, out var length) || length > (ulong)(rest.Length - at))
        {
            return CommandRead.Invalid;
        }

        var message = rest.Slice(at, (int)length);
        rest = rest[(at + (int)length)..];
        return ProtobufCommandReader.TryRead(message, ref command) ? CommandRead.Command : CommandRead.Invalid;
    }

    public override byte[] Error(uint id, HubError error)
    {
        var writer = Begin(id, ErrorField, out var nested);
        writer.Number(1, error.Code);
        writer.Text(2, error.Message);
        writer.Flag(3, error.Temporary);
        return End(ref writer, nested);
    }

    public override byte[] Empty(uint id, HubMethod method)
    {
        var writer = Begin(id, FieldOf(method), out var nested);
        return End(ref writer, nested);
    }

    public override byte[] Connect(uint id, in ConnectReply reply)
    {
        var writer = Begin(id, FieldOf(HubMethod.Connect), out var nested);
        writer.Text(1, reply.Client);
        writer.Text(2, JsonCodec.GatewayName);
        writer.Flag(3, reply.Expires);
        writer.Number(4, reply.Ttl);
        foreach (var (channel, subscription) in reply.Subscriptions)
        {
            var entry = writer.Begin(6);
            writer.Text(1, channel);
            var value = writer.Begin(2);
            WriteSubscribe(ref writer, subscription);
            writer.End(value);
            writer.End(entry);
        }

        writer.Number(7, reply.Ping);
        writer.Flag(8, reply.Pong);
        writer.Number(11, (ulong)reply.Time);
        return End(ref writer, nested);
    }

    public override byte[] Subscribe(uint id, in SubscribeReply reply)
    {
        var writer = Begin(id, FieldOf(HubMethod.Subscribe), out var nested);
        WriteSubscribe(ref writer, reply);
        return End(ref writer, nested);
    }

    public override byte[] History(uint id, StreamPosition top, IReadOnlyList<PublicationParts> publications)
    {
        var writer = Begin(id, FieldOf(HubMethod.History), out var nested);
        WritePublications(ref writer, 1, publications);
        writer.Text(2, top.Epoch);
        writer.Number(3, top.Offset);
        return End(ref writer, nested);
    }

    public override byte[] Presence(uint id, IReadOnlyList<ClientInfo> present)
    {
        var writer = Begin(id, FieldOf(HubMethod.Presence), out var nested);
        foreach (var info in present)
        {
            var entry = writer.Begin(1);
            writer.Text(1, info.Client);
            PublicationParts.WriteInfo(ref writer, 2, info);
            writer.End(entry);
        }

        return End(ref writer, nested);
    }

    public override byte[] PresenceStats(uint id, int clients, int users)
    {
        var writer = Begin(id, FieldOf(HubMethod.PresenceStats), out var nested);
        writer.Number(1, (ulong)clients);
        writer.Number(2, (ulong)users);
        return End(ref writer, nested);
    }

    public override byte[] Rpc(uint id, ReadOnlySpan<byte> data)
    {
        var writer = Begin(id, FieldOf(HubMethod.Rpc), out var nested);
        writer.Bytes(1, data);
        return End(ref writer, nested);
    }

    public override byte[] Refresh(uint id, string client, bool expires, uint ttl)
    {
        var writer = Begin(id, FieldOf(HubMethod.Refresh), out var nested);
        writer.Text(1, client);
        writer.Text(2, JsonCodec.GatewayName);
        writer.Flag(3, expires);
        writer.Number(4, ttl);
        return End(ref writer, nested);
    }

    public override byte[] SubRefresh(uint id, bool expires, uint ttl)
    {
        var writer = Begin(id, FieldOf(HubMethod.SubRefresh), out var nested);
        writer.Flag(1, expires);
        writer.Number(2, ttl);
        return End(ref writer, nested);
    }

    public override byte[] PushPublication(string channel, in PublicationParts publication, bool asText)
    {
        var writer = BeginPush(channel, 4, out var push, out var nested);
        WritePublication(ref writer, publication);
        return EndPush(ref writer, push, nested);
    }

    public override byte[] PushPresence(string channel, bool joined, ClientInfo info)
    {
        var writer = BeginPush(channel, joined ? 5 : 6, out var push, out var nested);
        PublicationParts.WriteInfo(ref writer, 1, info);
        return EndPush(ref writer, push, nested);
    }

    public override byte[] PushUnsubscribe(string channel, uint code, string reason)
    {
        var writer = BeginPush(channel, 7, out var push, out var nested);
        writer.Number(2, code);
        writer.Text(3, reason);
        return EndPush(ref writer, push, nested);
    }

    public override byte[] PushSubscribe(string channel, in SubscribeReply reply)
    {
        var writer = BeginPush(channel, 9, out var push, out var nested);
        writer.Flag(1, reply.Recoverable);
        writer.Text(4, reply.Position.Epoch ?? "");
        writer.Number(5, reply.Position.Offset);
        writer.Flag(6, reply.Positioned);
        writer.Bytes(7, reply.Data.Span);
        return EndPush(ref writer, push, nested);
    }

    public override byte[] PushRefresh(bool expires, uint ttl)
    {
        var writer = BeginPush("", 12, out var push, out var nested);
        writer.Flag(1, expires);
        writer.Number(2, ttl);
        return EndPush(ref writer, push, nested);
    }

    public override bool CanCarry(ReadOnlySpan<byte> data) => true;

    private static int FieldOf(HubMethod method) =>
        // Reply counts from 5, and has no send.
        method < HubMethod.Send
            ? (int)method + 1
            : (int)method;

    private static ProtoWriter Begin(uint id, int field, out int nested)
    {
        var writer = new ProtoWriter(128);
        writer.Number(1, id);
        nested = writer.Begin(field);
        return writer;
    }

    private static ProtoWriter BeginPush(string channel, int kind, out int push, out int nested)
    {
        var writer = new ProtoWriter(256);
        push = writer.Begin(PushField);
        writer.Text(2, channel);
        nested = writer.Begin(kind);
        return writer;
    }

    private static byte[] EndPush(ref ProtoWriter writer, int push, int nested)
    {
        writer.End(nested);
        return End(ref writer, push);
    }

    private static byte[] End(ref ProtoWriter writer, int nested)
    {
        writer.End(nested);
        var message = writer.Written;
        var framed = new ProtoWriter(message.Length + 5);
        framed.Varint((ulong)message.Length);
        framed.Raw(message);
        return framed.ToArray();
    }

    private static void WriteSubscribe(ref ProtoWriter writer, in SubscribeReply reply)
    {
        writer.Flag(1, reply.Expires);
        writer.Number(2, reply.Ttl);
        writer.Flag(3, reply.Recoverable);
        writer.Text(6, reply.Position.Epoch ?? "");
        WritePublications(ref writer, 7, reply.Publications ?? []);
        writer.Flag(8, reply.Recovered);
        writer.Number(9, reply.Position.Offset);
        writer.Flag(10, reply.Positioned);
        writer.Bytes(11, reply.Data.Span);
        writer.Flag(12, reply.WasRecovering);
        writer.Flag(13, reply.Delta);
    }

    private static void WritePublications(ref ProtoWriter writer, int field, IReadOnlyList<PublicationParts> publications)
    {
        foreach (var publication in publications)
        {
            var nested = writer.Begin(field);
            WritePublication(ref writer, publication);
            writer.End(nested);
        }
    }

    private static void WritePublication(ref ProtoWriter writer, in PublicationParts publication)
    {
        writer.Bytes(4, publication.Data.Span);
        if (publication.Info is { } info)
        {
            PublicationParts.WriteInfo(ref writer, 5, info);
        }

        writer.Number(6, publication.Offset);
        PublicationParts.WriteTags(ref writer, publication.Tags);
        writer.Flag(8, publication.IsDelta);
        writer.Number(9, (ulong)publication.Time);
    }
}
