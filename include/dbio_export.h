/*
 * dbio_export.h - visibility and must-use attributes of the public interface.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_EXPORT_H
#define DBIO_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define DBIO_EXPORT   __attribute__((visibility("default")))
#define DBIO_MUST_USE __attribute__((warn_unused_result))
#else
#define DBIO_EXPORT
#define DBIO_MUST_USE
#endif

#ifdef __cplusplus
#define DBIO_BEGIN_DECLS extern "C" {
#define DBIO_END_DECLS   }
#else
#define DBIO_BEGIN_DECLS
#define DBIO_END_DECLS
#endif

#endif
