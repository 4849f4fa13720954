namespace Mooring.Gateway.Transport.Tls;

/// <summary>Puts certificate revocation lists into contexts.</summary>
internal static unsafe class SslRevocations
{
    private const int MaxLists = 100;

    /// <summary>X509_V_FLAG_CRL_CHECK and X509_V_FLAG_CRL_CHECK_ALL: every certificate of a chain is asked for, so every CA in it must have a list.</summary>
    private const ulong CheckAll = 0x4 | 0x8;

    /// <summary>Lets the context refuse certificates that are in the lists, or whose CA has no list that is good now.</summary>
    /// <param name="context">Where.</param>
    /// <param name="pem">One or more lists, 100 at most.</param>
    /// <param name="path">For errors.</param>
    /// <returns>When the first of them expires; the end of time where none says.</returns>
    /// <exception cref="OpenSslException">There is none in it, too many, or one that cannot be read.</exception>
    public static DateTimeOffset Use(SslContext context, byte[] pem, string path)
    {
        var store = OpenSsl.ContextStore(context.Value);
        var (count, expires) = (0, DateTimeOffset.MaxValue);
        fixed (byte* data = pem)
        {
            var bio = OpenSsl.MemoryBio(data, pem.Length);
            try
            {
                OpenSsl.ClearErrors();
                while (OpenSsl.ReadRevocations(bio, null, null, null) is not 0 and var list)
                {
                    try
                    {
                        if (++count > MaxLists)
                        {
                            throw new OpenSslException($"{path}: has more than {MaxLists} revocation lists");
                        }

                        SslContext.Must(OpenSsl.StoreAddRevocations(store, list), path);
                        var until =
                            NextUpdate(list) ?? throw new OpenSslException($"{path}: revocation list {count} does not say when it expires");
                        expires = until < expires ? until : expires;
                    }
                    finally
                    {
                        OpenSsl.RevocationsFree(list);
                    }
                }
            }
            finally
            {
                _ = OpenSsl.BioFree(bio);
            }
        }

        if (count == 0)
        {
            throw OpenSslException.Take($"{path}: no revocation list can be read");
        }

        // The end of the file is an error to the reader; any other is of a list that is no good.
        var last = OpenSsl.TakeError();
        OpenSsl.ClearErrors();
        if (last != 0 && SslReason.Of(last) != SslReason.NoStartLine)
        {
            throw new OpenSslException($"{path}: revocation list {count + 1} cannot be read");
        }

        SslContext.Must(OpenSsl.StoreSetFlags(store, CheckAll), path);
        return expires;
    }

    /// <summary>What OpenSSL finds about a server's certificate, by a context's authorities and lists: 0, or one of X509_V_ERR_*.</summary>
    /// <param name="context">Where <see cref="Use"/> was called.</param>
    /// <param name="chain">The certificate, and then what is known of its chain; DER.</param>
    /// <exception cref="OpenSslException">Out of memory, or something in the chain is no certificate.</exception>
    public static long Verify(SslContext context, IReadOnlyList<byte[]> chain)
    {
        var certificates = new List<nint>(chain.Count);
        var (stack, verification) = (OpenSsl.StackNew(), OpenSsl.VerificationNew());
        try
        {
            OpenSsl.ClearErrors();
            foreach (var one in chain)
            {
                fixed (byte* data = one)
                {
                    var at = data;
                    var certificate = OpenSsl.DecodeCertificate(0, &at, one.Length);
                    SslContext.Must(certificate == 0 ? 0 : 1, "certificate");
                    certificates.Add(certificate);
                    SslContext.Must(OpenSsl.StackPush(stack, certificate) > 0 ? 1 : 0, "chain");
                }
            }

            SslContext.Must(
                OpenSsl.VerificationInit(verification, OpenSsl.ContextStore(context.Value), certificates[0], stack),
                "verification"
            );
            fixed (byte* purpose = "ssl_server\0"u8)
            {
                SslContext.Must(OpenSsl.VerificationSetDefault(verification, purpose), "verification");
            }

            if (OpenSsl.Verify(verification) == 1)
            {
                return 0;
            }

            // What could not be verified at all has no error of its own: X509_V_ERR_UNSPECIFIED.
            return OpenSsl.VerificationError(verification) is not 0 and var error ? error : 1;
        }
        finally
        {
            OpenSsl.VerificationFree(verification);
            OpenSsl.StackFree(stack);
            certificates.ForEach(OpenSsl.CertificateFree);
            OpenSsl.ClearErrors();
            GC.KeepAlive(context);
        }
    }

    /// <summary>The end of time where the list has none (RFC 5280 §5.1.2.5 wants one); null where that is no time.</summary>
    private static DateTimeOffset? NextUpdate(nint list)
    {
        // struct tm: seconds, minutes, hours, day, month from 0, years since 1900, and what is not looked at.
        const int Ints = 16;
        var time = stackalloc int[Ints];
        var until = OpenSsl.RevocationsNextUpdate(list);
        if (until == 0)
        {
            return DateTimeOffset.MaxValue;
        }

        if (OpenSsl.ToTime(until, time) != 1)
        {
            return null;
        }

        // A GeneralizedTime may have the year 0, which is over as well.
        var year = time[5] + 1900;
        return year < 1
            ? DateTimeOffset.MinValue
            : new DateTimeOffset(year, time[4] + 1, time[3], time[2], time[1], Math.Min(time[0], 59), TimeSpan.Zero);
    }
}
