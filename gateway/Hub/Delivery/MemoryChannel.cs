namespace Mooring.Gateway.Hub.Delivery;

/// <summary>What the memory broker knows of one channel. Owned by its stripe's lock.</summary>
internal sealed class MemoryChannel
{
    public bool Subscribed { get; set; }

    public ChannelStream? Stream { get; set; }

    /// <summary>By client; null: nobody was ever present.</summary>
    public Dictionary<string, (PresenceEntry Entry, long Expires)>? Present { get; set; }

    /// <summary>Results by idempotency key; null: none was ever used.</summary>
    public Dictionary<string, (StreamPosition Position, long Expires)>? Keys { get; set; }

    /// <summary>Nothing would be lost with it.</summary>
    public bool IsEmpty => IsIdle && Stream is null;

    /// <summary>Nothing would be lost with it but where its stream is.</summary>
    public bool IsIdle => !Subscribed && Stream is not { Count: > 0 } && Present is not { Count: > 0 } && Keys is not { Count: > 0 };

    /// <summary>Drops what has expired; returns by how many bytes of history it has shrunk.</summary>
    public long Expire(long now)
    {
        var freed = ExpireStream(now);
        if (Present is { Count: > 0 } present)
        {
            foreach (var (client, entry) in present)
            {
                if (entry.Expires <= now)
                {
                    present.Remove(client);
                }
            }
        }

        if (Keys is { Count: > 0 } keys)
        {
            foreach (var (key, entry) in keys)
            {
                if (entry.Expires <= now)
                {
                    keys.Remove(key);
                }
            }
        }

        return freed;
    }

    /// <summary>As <see cref="Expire"/>, of the stream alone.</summary>
    public long ExpireStream(long now)
    {
        if (Stream is not { } stream)
        {
            return 0;
        }

        var bytes = stream.Bytes;
        if (stream.MetaExpires <= now)
        {
            stream.Close();
            Stream = null;
            return bytes;
        }

        if (stream.Expires > now || stream.Count == 0)
        {
            return 0;
        }

        stream.Clear();
        return bytes;
    }
}
