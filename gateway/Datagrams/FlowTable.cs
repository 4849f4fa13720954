// Hot path: every datagram. See tests/benchmarks.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>The flows of one loop by what their datagrams carry, and those that may give way.</summary>
/// <remarks>
/// Hashed with a key of the process's own, so that nobody can choose addresses that meet in one bucket. Doubles as it fills; what it has
/// taken it keeps. Not thread-safe.
/// </remarks>
internal sealed unsafe class FlowTable : IDisposable
{
    private static readonly ulong Secret = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1;

    private readonly NativeSlab<Flow> _flows = new();
    private int* _buckets;
    private uint _mask;
    private int _oldest;
    private int _newest;

    public FlowTable() => Allocate(256);

    public int Count => _flows.Count;

    /// <summary>The flow of which the client has sent one datagram only that did so first; 0: none.</summary>
    public int OldestUnconfirmed => _oldest;

    public Flow* this[int handle] => _flows[handle];

    /// <summary>Handle of the flow; 0: none.</summary>
    public int Find(in FlowKey key)
    {
        var hash = Hash(key);
        for (var handle = _buckets[hash & _mask]; handle != 0; )
        {
            var flow = _flows[handle];
            if (flow->Hash == hash && flow->Key == key)
            {
                return handle;
            }

            handle = flow->Next;
        }

        return 0;
    }

    /// <summary>Adds a flow that is not there yet, as the newest unconfirmed one.</summary>
    public int Add(in FlowKey key)
    {
        if (_flows.Count > _mask)
        {
            Grow();
        }

        var handle = _flows.Rent();
        var flow = _flows[handle];
        flow->Key = key;
        flow->Hash = Hash(key);
        flow->Next = _buckets[flow->Hash & _mask];
        _buckets[flow->Hash & _mask] = handle;
        flow->Older = _newest;
        if (_newest != 0)
        {
            _flows[_newest]->Newer = handle;
        }
        else
        {
            _oldest = handle;
        }

        _newest = handle;
        return handle;
    }

    /// <summary>The client has sent a second datagram: no spoofed address, most likely.</summary>
    public void Confirm(int handle)
    {
        var flow = _flows[handle];
        if ((flow->State & FlowState.Confirmed) == FlowState.None)
        {
            flow->State |= FlowState.Confirmed;
            UnlinkUnconfirmed(flow);
        }
    }

    public void Remove(int handle)
    {
        var flow = _flows[handle];
        if ((flow->State & FlowState.Confirmed) == FlowState.None)
        {
            UnlinkUnconfirmed(flow);
        }

        var at = &_buckets[flow->Hash & _mask];
        while (*at != handle)
        {
            at = &_flows[*at]->Next;
        }

        *at = flow->Next;
        flow->State = FlowState.None;
        _flows.Return(handle);
    }

    /// <summary>Every flow's handle. Slow.</summary>
    public List<int> All()
    {
        var all = new List<int>(_flows.Count);
        for (uint bucket = 0; bucket <= _mask; bucket++)
        {
            for (var handle = _buckets[bucket]; handle != 0; handle = _flows[handle]->Next)
            {
                all.Add(handle);
            }
        }

        return all;
    }

    public void Dispose()
    {
        NativeMemory.Free(_buckets);
        _buckets = null;
        _flows.Dispose();
    }

    private void UnlinkUnconfirmed(Flow* flow)
    {
        if (flow->Older != 0)
        {
            _flows[flow->Older]->Newer = flow->Newer;
        }
        else
        {
            _oldest = flow->Newer;
        }

        if (flow->Newer != 0)
        {
            _flows[flow->Newer]->Older = flow->Older;
        }
        else
        {
            _newest = flow->Older;
        }

        flow->Older = flow->Newer = 0;
    }

    private void Allocate(uint count)
    {
        _buckets = (int*)NativeMemory.AllocZeroed(count, sizeof(int));
        _mask = count - 1;
    }

    private void Grow()
    {
        var all = All();
        NativeMemory.Free(_buckets);
        Allocate((_mask + 1) * 2);
        foreach (var handle in all)
        {
            var flow = _flows[handle];
            flow->Next = _buckets[flow->Hash & _mask];
            _buckets[flow->Hash & _mask] = handle;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash(in FlowKey key)
    {
        // Folded multiplications, after wyhash: each half of a product depends on all bits of both factors.
        var hash = Fold(key.Client.High ^ Secret, key.Client.Low ^ 0xA076_1D64_78BD_642F);
        hash = Fold(hash ^ key.Rest, Secret ^ 0xE703_7ED1_A0B4_28DB);
        hash = Fold(hash ^ key.Local.High, key.Local.Low ^ Secret ^ 0x8EBC_6AF0_9C88_C6E3);
        return (uint)(hash ^ (hash >> 32));
    }

    private static ulong Fold(ulong left, ulong right)
    {
        var high = Math.BigMul(left, right, out var low);
        return high ^ low;
    }
}
