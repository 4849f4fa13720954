using Microsoft.Win32.SafeHandles;

namespace Mooring.Contracts.Handover;

/// <summary>Owns one descriptor, or only names it, and does nothing to it but close it.</summary>
/// <remarks>
/// <c>SafeSocketHandle</c> is no use here: with a pending accept it shuts the socket down on disposal, which would end the listener for
/// every process that shares it. Thread-safe, as any SafeHandle.
/// </remarks>
public sealed class DescriptorHandle : SafeHandleMinusOneIsInvalid
{
    public DescriptorHandle(int descriptor, bool owned = true)
        : base(owned) => SetHandle(descriptor);

    /// <summary>The descriptor, which this handle goes on owning.</summary>
    public int Descriptor => (int)handle;

    /// <summary>Gives the descriptor to the caller, who now has to close it; this handle becomes invalid.</summary>
    public int Release()
    {
        var descriptor = (int)handle;
        SetHandleAsInvalid();
        return descriptor;
    }

    protected override bool ReleaseHandle() => HandoverNative.Close((int)handle) == 0;
}
