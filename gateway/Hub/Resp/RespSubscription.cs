using System.Text;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>A channel of Redis that <see cref="RespChannels"/> is subscribed to; whoever subscribes may keep more in one of his own kind. Its state is <see cref="RespChannels"/>'s.</summary>
internal class RespSubscription(string name) : INamed
{
    public string Name { get; } = name;

    public int NameHash { get; } = NameTable<RespSubscription>.HashOf(name);

    internal ushort Slot { get; } = (ushort)KeySlot.Of(Encoding.UTF8.GetBytes(name));

    /// <summary>It was subscribed to once.</summary>
    internal bool WasConfirmed { get; set; }

    /// <summary>Everything comes that is published to it, or did so once.</summary>
    internal bool IsConfirmed { get; set; }

    internal RespListener? Listener { get; set; }

    /// <summary>The server did not want to, the last time.</summary>
    internal bool IsRefused { get; set; }

    /// <summary>Who waits for it, the last to come first; null: nobody does.</summary>
    internal RespWait? Waiting { get; set; }
}
